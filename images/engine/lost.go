package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"
)

// A lostError is an error for Lost.
type lostError struct{ error }

func (e *lostError) Unwrap() error { return e.error }

// Lost reports whether an error means that the engine cannot be reached, or is gone. Another engine may finish the build.
func Lost(err error) bool { return errors.As(err, new(*lostError)) }

// isGone reports whether the connection to the engine broke.
func isGone(err error) bool { return err != nil && grpcerrors.Code(err) == codes.Unavailable }

// guard ends a build with a lostError if the engine does not answer for patience. It does not limit the time of a build,
// whose steps may run for hours without any output. It returns when ctx ends.
func (c *connection) guard(ctx context.Context, patience time.Duration, end context.CancelCauseFunc) {
	silent := &lostError{fmt.Errorf("the engine does not answer: waited %v", patience)}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(patience / 4):
		}
		question, cancel := context.WithTimeoutCause(ctx, patience, silent)
		if _, err := c.buildkit.ListWorkers(question); err != nil && context.Cause(question) == silent {
			end(silent)
		}
		cancel()
	}
}
