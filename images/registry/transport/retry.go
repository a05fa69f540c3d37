package transport

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/httpretry"
)

// A Pace limits the number and the rate of attempts. The zero Pace has the values for registries.
type Pace struct {
	// Most is the total number of attempts; 0 means 5.
	Most int
	// First is the delay after the first attempt, which doubles each time; 0 means half a second. It
	// is varied by up to half at random, so that requests that failed together are not repeated
	// together.
	First time.Duration
	// Fresh is the number of bytes after which a failed attempt does not count; 0 means 8 MiB. A download of gigabytes
	// over a bad line is interrupted often, and must complete nevertheless.
	Fresh int64
}

// maxDelay limits the delay between attempts, and maxRetryAfter the delay that a registry requests.
const (
	maxDelay      = 20 * time.Second
	maxRetryAfter = 2 * time.Minute
)

// maxLimited is how often an operation may be refused because there were too many requests (429), while the host answers
// others. These refusals do not count as attempts.
const maxLimited = 20

// Begin returns the Attempts of one operation, before the first.
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
	// limited is how often the host refused an attempt because there were too many requests (429), although it answered
	// others since the time before, and answered is how many it had answered then.
	limited  int
	answered int64
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
	var answer *AnswerError
	answers := errors.As(err, &answer)
	if answers && answer.answered > a.answered && a.limited < maxLimited {
		a.limited++
		a.answered = answer.answered
	} else {
		a.made++
	}
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
	wait := min(a.pace.First<<max(a.made-1, 0), maxDelay)
	wait = wait/2 + rand.N(wait+1)
	if answers && answer.asksToWait {
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

// exhausted is the last error of an operation with several attempts.
type exhausted struct {
	tries int
	error
}

func (e *exhausted) Unwrap() error { return e.error }

// A TemporaryError is worth another attempt, for a reason that the text and the type of Err do not show.
type TemporaryError struct{ Err error }

func (t *TemporaryError) Error() string { return t.Err.Error() }
func (t *TemporaryError) Unwrap() error { return t.Err }

// isTemporary reports whether a request that failed with err may succeed later.
func isTemporary(err error) bool {
	var (
		ours   *LocalError
		told   *TemporaryError
		answer *AnswerError
	)
	switch {
	case errors.As(err, &ours):
		return false
	case errors.As(err, &told):
		return true
	case errors.As(err, &answer):
		return httpretry.TemporaryStatus(answer.Status)
	}
	return httpretry.TemporaryError(err)
}

// IsWrong reports whether content was transferred completely, in either direction, but has the wrong digest or size.
func IsWrong(err error) bool {
	var wrong *store.ContentError
	var answer *AnswerError
	return errors.As(err, &wrong) && !wrong.Short || errors.As(err, &answer) && answer.Has("DIGEST_INVALID", "SIZE_INVALID")
}

// endedError marks the cause of a canceled context.
type endedError struct{ error }

func (e *endedError) Unwrap() error { return e.error }

// Ended returns the cause of a canceled context, marked for IsEnded. Without the mark, callers could not distinguish it
// from network timeouts, which also match context.DeadlineExceeded.
func Ended(ctx context.Context) error { return &endedError{context.Cause(ctx)} }

// IsEnded reports whether err is the error of a canceled context, made by Ended.
func IsEnded(err error) bool {
	var e *endedError
	return errors.As(err, &e)
}
