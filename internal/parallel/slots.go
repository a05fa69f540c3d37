package parallel

import "context"

// Slots limits how many goroutines do something at the same time, to its capacity.
type Slots chan struct{}

// Acquire waits for a slot, which the caller releases. It fails when ctx ends, with the cause.
func (s Slots) Acquire(ctx context.Context) (release func(), err error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
