package registry

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

// A pace limits the number and the rate of attempts. The zero pace is the one for registries.
type pace struct {
	// most is the total number of attempts; 0 means 5.
	most int
	// first is the delay after the first attempt, which doubles each time; 0 means half a second. It
	// is varied by up to half at random, so that requests that failed together are not repeated
	// together.
	first time.Duration
	// fresh is the number of bytes that make a failed attempt not count; 0 means 8 MiB. A download
	// of gigabytes over a bad line is interrupted often, and completes nevertheless.
	fresh int64
}

// maxDelay limits the delay between attempts, and maxRetryAfter the delay that a registry requests.
const (
	maxDelay      = 20 * time.Second
	maxRetryAfter = 2 * time.Minute
)

// begin returns the attempts of one operation.
func (p pace) begin() *attempts {
	return &attempts{pace: pace{cmp.Or(p.most, 5), cmp.Or(p.first, 500*time.Millisecond), cmp.Or(p.fresh, 8<<20)}}
}

// try calls do until it succeeds or should not be tried again.
func (p pace) try(ctx context.Context, do func() error) error {
	for a := p.begin(); ; {
		err := do()
		if err == nil {
			return nil
		}
		if err := a.again(ctx, err); err != nil {
			return err
		}
	}
}

// attempts counts the attempts of one operation.
type attempts struct {
	pace  pace
	made  int
	wrong bool
}

// moved records that a failed attempt transferred n bytes.
func (a *attempts) moved(n int64) {
	if n >= a.pace.fresh {
		a.made = 0
	}
}

// again waits and returns nil if the operation should be tried again after err. Otherwise it
// returns the final error.
func (a *attempts) again(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	a.made++
	if isWrong(err) {
		if a.wrong {
			return &exhausted{2, err}
		}
		a.wrong = true
		return nil
	}
	if !isTemporary(err) {
		return err
	}
	if a.made >= a.pace.most {
		return &exhausted{a.made, err}
	}
	wait := min(a.pace.first<<(a.made-1), maxDelay)
	wait = wait/2 + rand.N(wait+1)
	var answer *answerError
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
		return ended(ctx)
	}
}

// exhausted is the last error of several attempts.
type exhausted struct {
	tries int
	error
}

func (e *exhausted) Unwrap() error { return e.error }

// A temporary error should be retried, for a reason that its text or type does not show.
type temporary struct{ error }

func (t *temporary) Unwrap() error { return t.error }

// isTemporary reports whether a request that failed with err may succeed later.
func isTemporary(err error) bool {
	var (
		ours    *localError
		told    *temporary
		answer  *answerError
		dns     *net.DNSError
		timeout interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &ours):
		return false
	case errors.As(err, &told):
		return true
	case errors.As(err, &answer):
		return isTemporaryStatus(answer.status)
	case errors.As(err, &dns):
		return dns.IsTemporary || dns.IsTimeout
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
		return true
	case errors.As(err, &timeout) && timeout.Timeout():
		return true
	case isBroken(err):
		return true
	}
	// net/http does not export the types of HTTP/2's errors, and of some of its own.
	text := err.Error()
	return slices.ContainsFunc([]string{"http2: ", "stream error: ", "http: server closed idle connection",
		"use of closed network connection", "transport connection broken"}, func(part string) bool { return strings.Contains(text, part) })
}

// isBroken reports whether an established connection broke, for instance by a reset. Connection
// refused is permanent. The system's error may be wrapped by several operations, as in
//
//	readfrom tcp 10.0.0.1:40000->10.0.0.2:443: write tcp …: connection reset by peer
func isBroken(err error) bool {
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

// isWrong reports whether err is about content that was transferred completely, in either
// direction, but is wrong.
func isWrong(err error) bool {
	var wrong *store.ContentError
	var answer *answerError
	return errors.As(err, &wrong) && !wrong.Short || errors.As(err, &answer) && answer.has("DIGEST_INVALID", "SIZE_INVALID")
}

// endedError marks the cause of a canceled context. Without the mark, it could not be told from
// network timeouts, which also match context.DeadlineExceeded.
type endedError struct{ error }

func (e *endedError) Unwrap() error { return e.error }

func ended(ctx context.Context) error { return &endedError{context.Cause(ctx)} }

func isEnded(err error) bool {
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
