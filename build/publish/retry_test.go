package publish

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-github/v84/github"
)

// GitHub may request a delay of hours. A delay above longestPause is an error.
func TestPausesAreBounded(t *testing.T) {
	const pause = 2 * time.Second
	answer := func(status int) *http.Response {
		return &http.Response{StatusCode: status, Request: &http.Request{Method: http.MethodPost}}
	}
	secondary := func(after *time.Duration) error {
		return &github.AbuseRateLimitError{Response: answer(http.StatusForbidden), RetryAfter: after}
	}
	limit := func(until time.Duration) error {
		return &github.RateLimitError{Response: answer(http.StatusForbidden), Rate: github.Rate{Reset: github.Timestamp{Time: time.Now().Add(until)}}}
	}
	// with returns the client's error for a response with headers.
	with := func(status int, headers ...string) error {
		r := answer(status)
		r.Header, r.Body = http.Header{}, http.NoBody
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return github.CheckResponse(r)
	}
	soon := strconv.FormatInt(time.Now().Add(4*time.Minute).Unix(), 10)
	for _, c := range []struct {
		name   string
		err    error
		passes bool
		least  time.Duration
	}{
		{"a secondary limit without a time", secondary(nil), true, limitPause},
		{"a secondary limit of a moment", secondary(new(time.Millisecond)), true, pause},
		{"a secondary limit of five minutes", secondary(new(longestPause)), true, longestPause},
		{"a secondary limit of more", secondary(new(longestPause + time.Nanosecond)), false, 0},
		{"a limit that is over", limit(-time.Hour), true, pause},
		{"a limit of four minutes", limit(4 * time.Minute), true, 3 * time.Minute},
		{"a limit of an hour", limit(time.Hour), false, 0},
		{"an answer that may pass", &github.ErrorResponse{Response: answer(http.StatusBadGateway)}, true, pause},
		{"a refusal", &github.ErrorResponse{Response: answer(http.StatusForbidden)}, false, 0},
		{"a refusal that asks to wait", with(http.StatusForbidden, "Retry-After", "90"), true, 90 * time.Second},
		{"too many requests", with(http.StatusTooManyRequests), true, pause},
		{"too many requests, and a time", with(http.StatusTooManyRequests, "Retry-After", "90"), true, 90 * time.Second},
		{"too many requests, and a date", with(http.StatusTooManyRequests, "Retry-After", time.Now().Add(2*time.Minute).UTC().Format(http.TimeFormat)), true, 100 * time.Second},
		{"a server that asks to wait", with(http.StatusServiceUnavailable, "Retry-After", "90"), true, 90 * time.Second},
		{"a server that asks to wait for an hour", with(http.StatusServiceUnavailable, "Retry-After", "3600"), false, 0},
		{"a limit, by 403", with(http.StatusForbidden, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", soon), true, 3 * time.Minute},
		{"a limit, by 429", with(http.StatusTooManyRequests, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", soon), true, 3 * time.Minute},
		{"a limit that says how long", with(http.StatusTooManyRequests, "X-RateLimit-Remaining", "0", "Retry-After", "90"), true, 90 * time.Second},
		{"a broken connection", &url.Error{Op: "Post", Err: &net.OpError{Op: "read", Err: errors.New("reset")}}, true, pause},
		{"a response that ends early", &url.Error{Op: "Post", Err: io.ErrUnexpectedEOF}, true, pause},
		{"nothing listens", &url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}, false, 0},
		{"an unknown host", &url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}}, false, 0},
		{"a name server that does not answer", &url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: &net.DNSError{IsTimeout: true}}}, true, pause},
		{"something else", errors.New("no such file"), false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			wait, passes := passing(c.err, pause)
			if passes != c.passes {
				t.Fatalf("passing: %v after %s, want %v", passes, wait, c.passes)
			}
			if passes && (wait < c.least || wait > longestPause) {
				t.Errorf("the pause is %s, want %s at the least and %s at the most", wait, c.least, longestPause)
			}
		})
	}
}
