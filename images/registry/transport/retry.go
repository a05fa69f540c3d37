package transport

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-build/slipway/images/store"
)

// A Pace limits the number and the rate of attempts. The zero Pace is right for registries.
type Pace struct {
	// Most is the total number of attempts; 0 means 5.
	Most int
	// First is the delay after the first attempt, which doubles each time; 0 means half a second. It
	// is varied by up to half at random, so that requests that failed together are not repeated
	// together.
	First time.Duration
	// Fresh is the number of bytes that make a failed attempt not count; 0 means 8 MiB. A download
	// of gigabytes over a bad line is interrupted often, and completes nevertheless.
	Fresh int64
}

// maxDelay limits the delay between attempts, and maxRetryAfter the delay that a registry requests.
const (
	maxDelay      = 20 * time.Second
	maxRetryAfter = 2 * time.Minute
)

// Begin returns the attempts of one operation, of which none is made.
func (p Pace) Begin() *Attempts {
	return &Attempts{pace: Pace{cmp.Or(p.Most, 5), cmp.Or(p.First, 500*time.Millisecond), cmp.Or(p.Fresh, 8<<20)}}
}

// Try calls do until it succeeds or should not be tried again, and returns the last error.
func (p Pace) Try(ctx context.Context, do func() error) error {
	for a := p.Begin(); ; {
		err := do()
		if err == nil {
			return nil
		}
		if err := a.Again(ctx, err); err != nil {
			return err
		}
	}
}

// Attempts counts the attempts of one operation.
type Attempts struct {
	pace  Pace
	made  int
	wrong bool
}

// Moved records that a failed attempt transferred n bytes; see Pace.Fresh. It is called before Again.
func (a *Attempts) Moved(n int64) {
	if n >= a.pace.Fresh {
		a.made = 0
	}
}

// Again records that an attempt failed with err. It waits and returns nil if there should be another one. Otherwise
// it returns the final error.
func (a *Attempts) Again(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return Ended(ctx)
	}
	a.made++
	if IsWrong(err) {
		if a.wrong {
			return &exhausted{2, err}
		}
		a.wrong = true
		return nil
	}
	if !isTemporary(err) {
		return err
	}
	if a.made >= a.pace.Most {
		return &exhausted{a.made, err}
	}
	wait := min(a.pace.First<<(a.made-1), maxDelay)
	wait = wait/2 + rand.N(wait+1)
	var answer *AnswerError
	if errors.As(err, &answer) && answer.asksToWait {
		if answer.wait > maxRetryAfter {
			return err
		}
		wait = answer.wait
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return Ended(ctx)
	}
}

// exhausted is the last error of several attempts.
type exhausted struct {
	tries int
	error
}

func (e *exhausted) Unwrap() error { return e.error }

// A TemporaryError should be retried, for a reason that its text or type does not show.
type TemporaryError struct{ Err error }

func (t *TemporaryError) Error() string { return t.Err.Error() }
func (t *TemporaryError) Unwrap() error { return t.Err }

// isTemporary reports whether a request that failed with err may succeed later.
func isTemporary(err error) bool {
	var (
		ours    *LocalError
		told    *TemporaryError
		answer  *AnswerError
		dns     *net.DNSError
		timeout interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &ours):
		return false
	case errors.As(err, &told):
		return true
	case errors.As(err, &answer):
		return isTemporaryStatus(answer.Status)
	case errors.As(err, &dns):
		return dns.IsTemporary || dns.IsTimeout
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
		return true
	case errors.As(err, &timeout) && timeout.Timeout():
		return true
	case IsBroken(err):
		return true
	}
	// net/http does not export the types of HTTP/2's errors, and of some of its own.
	text := err.Error()
	return slices.ContainsFunc([]string{"http2: ", "stream error: ", "http: server closed idle connection",
		"use of closed network connection", "transport connection broken"}, func(part string) bool { return strings.Contains(text, part) })
}

// IsBroken reports whether an established connection broke, for instance by a reset. Connection
// refused is permanent. The system's error may be wrapped by several operations, as in
//
//	readfrom tcp 10.0.0.1:40000->10.0.0.2:443: write tcp …: connection reset by peer
func IsBroken(err error) bool {
	for _, errno := range []error{syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, net.ErrClosed} {
		if errors.Is(err, errno) {
			return true
		}
	}
	broken := false
	eachError(err, func(err error) {
		if op, ok := err.(*net.OpError); ok {
			// Windows has its own errors for a broken connection.
			broken = broken || op.Op == "read" || op.Op == "write"
		}
	})
	return broken
}

// eachError visits err and all errors that it wraps.
func eachError(err error, visit func(error)) {
	if err == nil {
		return
	}
	visit(err)
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		eachError(err.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, e := range err.Unwrap() {
			eachError(e, visit)
		}
	}
}

func isTemporaryStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// IsWrong reports whether err is about content that was transferred completely, in either
// direction, but is wrong.
func IsWrong(err error) bool {
	var wrong *store.ContentError
	var answer *AnswerError
	return errors.As(err, &wrong) && !wrong.Short || errors.As(err, &answer) && answer.Has("DIGEST_INVALID", "SIZE_INVALID")
}

// endedError marks the cause of a canceled context.
type endedError struct{ error }

func (e *endedError) Unwrap() error { return e.error }

// Ended returns the cause of a canceled context, with a mark that IsEnded recognizes. Without the mark, it could not
// be told from network timeouts, which also match context.DeadlineExceeded.
func Ended(ctx context.Context) error { return &endedError{context.Cause(ctx)} }

// IsEnded reports whether err is the error of a canceled context, made by Ended.
func IsEnded(err error) bool {
	var e *endedError
	return errors.As(err, &e)
}

// retryAfter parses a Retry-After header: seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(header string, now time.Time) (time.Duration, bool) {
	if header == "" {
		return 0, false
	}
	if seconds, err := strconv.ParseUint(strings.TrimSpace(header), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if when, err := http.ParseTime(header); err == nil {
		return max(0, when.Sub(now)), true
	}
	return 0, false
}
