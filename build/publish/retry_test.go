package publish

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-github/v84/github"
)

// GitHub may ask for hours. What takes longer than longestPause is for a person to
// decide.
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
		{"something else", errors.New("no such file"), false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			wait, passes := passing(c.err, pause)
			if passes != c.passes {
				t.Fatalf("it passes: %v after %s, want %v", passes, wait, c.passes)
			}
			if passes && (wait < c.least || wait > longestPause) {
				t.Errorf("the pause is %s, want %s at the least and %s at the most", wait, c.least, longestPause)
			}
		})
	}
}
