package parallel

import "context"

// Slots is a semaphore: its capacity limits the number of goroutines that hold a slot.
type Slots chan struct{}

// Acquire waits for a slot, which the caller must release. If ctx ends first, Acquire returns its
// cause.
func (s Slots) Acquire(ctx context.Context) (release func(), err error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
