package publish

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-github/v84/github"
)

const (
	// tries is the number of attempts. With doubling delays, the last is half a minute after the
	// first.
	tries      = 5
	firstPause = 2 * time.Second
	// limitPause is the delay that GitHub expects after a rate limit without Retry-After
	// (https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api).
	limitPause = time.Minute
	// longestPause limits the delay that GitHub may request; a longer one is an error.
	longestPause = 5 * time.Minute
)

// A brokenUpload is an upload that was accepted but does not match what was sent.
type brokenUpload struct{ wrong string }

func (e *brokenUpload) Error() string { return "GitHub took it, and " + e.wrong }

// retry calls work until it succeeds, or fails permanently.
func (p *publisher) retry(ctx context.Context, work func(context.Context) error) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := work(ctx)
		if err == nil || try == tries || ctx.Err() != nil {
			return err
		}
		wait, passes := passing(err, pause)
		if !passes {
			return err
		}
		if err := p.wait(ctx, wait); err != nil {
			return err
		}
		pause *= 2
	}
}

// passing reports whether a failure is temporary, and the delay before the next attempt.
func passing(err error, pause time.Duration) (time.Duration, bool) {
	var secondary *github.AbuseRateLimitError
	if errors.As(err, &secondary) {
		wait := limitPause
		if secondary.RetryAfter != nil {
			wait = max(pause, *secondary.RetryAfter)
		}
		return wait, wait <= longestPause
	}
	var limit *github.RateLimitError
	if errors.As(err, &limit) {
		wait := max(pause, time.Until(limit.Rate.Reset.Time))
		if after, ok := retryAfter(limit.Response); ok {
			wait = max(pause, after)
		}
		return wait, wait <= longestPause
	}
	var refused *github.ErrorResponse
	if errors.As(err, &refused) {
		if alreadyExists(refused) {
			return pause, true // the remains of an upload show up late
		}
		after, told := retryAfter(refused.Response)
		pause = max(pause, after)
		status := refused.Response.StatusCode
		return pause, pause <= longestPause && (told && status == http.StatusForbidden ||
			status >= http.StatusInternalServerError || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout)
	}
	var broken *brokenUpload
	return pause, errors.As(err, &broken) || isBroken(err)
}

// isBroken reports whether a request got no response for a reason that may pass. A certificate that is not trusted, an
// unknown host, and an address that nothing listens on are permanent.
func isBroken(err error) bool {
	var (
		certificate *tls.CertificateVerificationError
		alert       tls.AlertError
		handshake   tls.RecordHeaderError
		dns         *net.DNSError
		network     net.Error
		operation   *net.OpError
	)
	switch {
	case errors.As(err, &certificate), errors.As(err, &alert), errors.As(err, &handshake):
		return false
	case errors.As(err, &dns):
		return dns.IsTemporary || dns.IsTimeout
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return true
	case errors.As(err, &network) && network.Timeout():
		return true
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.ECONNABORTED), errors.Is(err, syscall.EPIPE):
		return true
	case errors.As(err, &operation):
		return operation.Op == "read" || operation.Op == "write" // Windows has its own errors for a broken connection
	}
	// net/http does not export these.
	text := err.Error()
	return strings.Contains(text, "http2: ") || strings.Contains(text, "stream error: ") || strings.Contains(text, "transport connection broken") ||
		strings.Contains(text, "server closed idle connection")
}

// retryAfter returns the delay that a response requests, by the header Retry-After: seconds or a date (RFC 9110, section
// 10.2.3).
func retryAfter(response *http.Response) (time.Duration, bool) {
	if response == nil {
		return 0, false
	}
	header := strings.TrimSpace(response.Header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if when, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(when)), true
	}
	return 0, false
}

// alreadyExists reports whether another asset has the name.
func alreadyExists(refused *github.ErrorResponse) bool {
	for _, e := range refused.Errors {
		if e.Code == "already_exists" && e.Resource == "ReleaseAsset" {
			return true
		}
	}
	return false
}

// hasStatus reports whether err is a response of GitHub with the status.
func hasStatus(err error, status int) bool {
	var refused *github.ErrorResponse
	return errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode == status
}

// wait waits before the next attempt.
func (p *publisher) wait(ctx context.Context, pause time.Duration) error {
	if p.pause != nil {
		return p.pause(ctx, pause)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A redactedError is an error whose text does not contain the token.
type redactedError struct {
	error
	text string
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.error }

// redacted removes the token from the text of err: a server, or a proxy, may repeat what it
// received.
func (g GitHub) redacted(err error) error {
	token := strings.TrimSpace(g.Token)
	if token == "" || !strings.Contains(err.Error(), token) {
		return err
	}
	return &redactedError{err, strings.ReplaceAll(err.Error(), token, "***")}
}
