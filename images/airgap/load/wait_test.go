package load_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/airgap/load"
)

func TestWaitFor(t *testing.T) {
	absent, ended := errors.New("absent"), errors.New("ended")
	for _, c := range []struct {
		name    string
		wait    time.Duration
		doneAt  int // the attempt
		err     error
		attempt int
	}{
		{"it is there", 0, 1, nil, 1},
		{"it comes", time.Minute, 3, nil, 3},
		{"it is not waited for", 0, 5, absent, 1},
		{"its error is final", time.Minute, 2, ended, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			attempts := 0
			err := load.WaitFor(t.Context(), c.wait, func() (bool, error) {
				if attempts++; attempts == c.doneAt {
					return true, c.err
				}
				return false, absent
			})
			if !errors.Is(err, c.err) || attempts != c.attempt {
				t.Errorf("%v after %d attempts; want %v after %d", err, attempts, c.err, c.attempt)
			}
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	err := load.WaitFor(ctx, time.Minute, func() (bool, error) { cancel(ended); return false, absent })
	if !errors.Is(err, ended) {
		t.Errorf("canceled: %v", err)
	}
}
