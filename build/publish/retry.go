package publish

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v84/github"

	"github.com/slipway-build/slipway/internal/httpretry"
)

const (
	// tries is the number of attempts. With doubling delays, the last one is half a minute after the first.
	tries      = 5
	firstPause = 2 * time.Second
	// limitPause is the delay that GitHub expects after a rate limit without Retry-After
	// (https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api).
	limitPause = time.Minute
	// longestPause limits the delay that GitHub may request; a longer one is an error.
	longestPause = 5 * time.Minute
)

// A brokenUpload is an upload that was accepted, but differs from what was sent.
type brokenUpload struct{ wrong string }

func (e *brokenUpload) Error() string { return "it was taken, and " + e.wrong }

// retry calls work until it succeeds, or fails permanently.
func (p *publisher) retry(ctx context.Context, work func(context.Context) error) error {
	return retry(ctx, p.pause, work)
}

// retry calls work until it succeeds, or fails permanently. sleep waits before a retry; nil means sleepFor.
func retry(ctx context.Context, sleep func(context.Context, time.Duration) error, work func(context.Context) error) error {
	if sleep == nil {
		sleep = sleepFor
	}
	pause := firstPause
	for try := 1; ; try++ {
		err := work(ctx)
		if err == nil || try == tries || ctx.Err() != nil {
			return err
		}
		delay, passes := passing(err, pause)
		if !passes {
			return err
		}
		if err := sleep(ctx, delay); err != nil {
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
		if after, ok := httpretry.After(limit.Response.Header, time.Now()); ok {
			wait = max(pause, after)
		}
		return wait, wait <= longestPause
	}
	var refused *github.ErrorResponse
	if errors.As(err, &refused) {
		if alreadyExists(refused) {
			return pause, true // a broken upload becomes visible with a delay
		}
		return passingResponse(refused.Response, pause)
	}
	var answer *gitlabError
	if errors.As(err, &answer) {
		return passingResponse(answer.Response, pause)
	}
	var broken *brokenUpload
	return pause, errors.As(err, &broken) || httpretry.TemporaryError(err)
}

// passingResponse is passing for the response of a server.
func passingResponse(r *http.Response, pause time.Duration) (time.Duration, bool) {
	after, told := httpretry.After(r.Header, time.Now())
	pause = max(pause, after)
	return pause, pause <= longestPause && (told && r.StatusCode == http.StatusForbidden || httpretry.TemporaryStatus(r.StatusCode))
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

// sleepFor waits for pause, or until ctx ends.
func sleepFor(ctx context.Context, pause time.Duration) error {
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
func redacted(err error, token string) error {
	token = strings.TrimSpace(token)
	if token == "" || !strings.Contains(err.Error(), token) {
		return err
	}
	return &redactedError{err, strings.ReplaceAll(err.Error(), token, "***")}
}
