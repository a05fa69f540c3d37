package load

import (
	"context"
	"time"
)

// pollInterval is the pause between two attempts to reach a runtime.
const pollInterval = 100 * time.Millisecond

// WaitFor calls try until it is done, for at most wait, and returns its last error.
func WaitFor(ctx context.Context, wait time.Duration, try func() (done bool, err error)) error {
	deadline := time.Now().Add(wait)
	for {
		done, err := try()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case done || !time.Now().Before(deadline):
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pollInterval):
		}
	}
}
