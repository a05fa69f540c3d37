package registry

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/slipway-build/slipway/images/store"
)

// A pace says how often and how fast something is tried.
type pace struct {
	// tries is how often in all.
	tries int
	// first is the wait after the first try, give or take a half, so that many who
	// failed together do not come back together. Each further one is twice as long.
	first time.Duration
	// most bounds a wait that is ours, and patience one that the registry asks for.
	most, patience time.Duration
	// fresh is how many bytes must have come for a try not to count: who loads
	// gigabytes over a bad line breaks off often, and gets there.
	fresh int64
}

var defaultPace = pace{tries: 5, first: 500 * time.Millisecond, most: 20 * time.Second, patience: 2 * time.Minute, fresh: 8 << 20}

// tries counts the tries of one thing.
type tries struct {
	pace
	made  int
	wrong bool
}

func (c *Client) tries() *tries { return &tries{pace: c.pace} }

// moved says that a try which failed brought n bytes.
func (t *tries) moved(n int64) {
	if n >= t.fresh {
		t.made = 0
	}
}

// again waits and returns nil if it is worth another try after err, and else
// returns the error that remains.
func (t *tries) again(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	t.made++
	if isWrong(err) {
		if t.wrong {
			return &exhausted{2, err}
		}
		t.wrong = true
		return nil
	}
	if !isTemporary(err) {
		return err
	}
	if t.made >= t.tries {
		return &exhausted{t.made, err}
	}
	wait := min(t.first<<(t.made-1), t.most)
	wait = wait/2 + rand.N(wait+1)
	var a *answerError
	if errors.As(err, &a) && a.asksToWait {
		if a.wait > t.patience {
			return err
		}
		wait = a.wait
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

// try does something until it is done or not worth another try.
func (c *Client) try(ctx context.Context, do func() error) error {
	for t := c.tries(); ; {
		err := do()
		if err == nil {
			return nil
		}
		if err := t.again(ctx, err); err != nil {
			return err
		}
	}
}

// exhausted is the last error of several tries.
type exhausted struct {
	tries int
	error
}

func (e *exhausted) Unwrap() error { return e.error }

// isTemporary says whether a request that failed with err may do better next time.
func isTemporary(err error) bool {
	var (
		ours    *localError
		answer  *answerError
		refused *transport.Error
		dns     *net.DNSError
		op      *net.OpError
		timed   interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &ours):
		return false
	case errors.As(err, &answer):
		// Its blobs and children were there a moment ago: a registry whose storage
		// writes in place has them half written while another push, of this or
		// another process, writes them again.
		return isTemporaryStatus(answer.status) || slices.Contains(answer.codes, "MANIFEST_BLOB_UNKNOWN")
	case errors.As(err, &refused):
		return isTemporaryStatus(refused.StatusCode)
	case errors.As(err, &dns):
		return dns.IsTemporary || dns.IsTimeout
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return true
	case errors.As(err, &timed) && timed.Timeout():
		return true
	case errors.As(err, &op):
		// Nobody listens where nobody listened; but a connection that was there
		// broke, as a reset or whatever the system calls it.
		return op.Op == "read" || op.Op == "write"
	}
	// net/http keeps the types of HTTP/2's errors to itself.
	text := err.Error()
	return strings.Contains(text, "http2: ") || strings.Contains(text, "stream error: ") ||
		strings.Contains(text, "http: server closed idle connection")
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

// isWrong says whether err is about content that came whole, and is not what it
// should be.
func isWrong(err error) bool {
	var wrong *store.ContentError
	return errors.As(err, &wrong) && !wrong.Short
}

// endedError is the cause for which a caller's context ended. Timeouts of the network
// say of themselves that they are such causes, too, and are none.
type endedError struct{ error }

func (e *endedError) Unwrap() error { return e.error }

func ended(ctx context.Context) error { return &endedError{context.Cause(ctx)} }

func isEnded(err error) bool {
	var e *endedError
	return errors.As(err, &e)
}

// retryAfter reads the header of that name: seconds or a date (RFC 9110, section
// 10.2.3).
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
