package parallel

import (
	"context"
	"sync"
)

// Calls has the running calls of Share, by key. The zero Calls is ready for use by several goroutines.
type Calls struct {
	mu       sync.Mutex
	underWay map[string]*sharedCall
}

type sharedCall struct {
	done  chan struct{}
	value any
	err   error
	// canceled means that the context of the caller ended, so that another caller may succeed.
	canceled bool
}

// Share returns the result of do. If another caller with the same key is running do, Share waits for that result, until
// ctx ends. Unlike x/sync/singleflight, it runs do again if the other caller was canceled. All calls with one key must
// have the same type of result.
func Share[T any](ctx context.Context, calls *Calls, key string, do func() (T, error)) (T, error) {
	var zero T
	for {
		calls.mu.Lock()
		other, ok := calls.underWay[key]
		if !ok {
			return lead(ctx, calls, key, do)
		}
		calls.mu.Unlock()
		select {
		case <-ctx.Done():
			return zero, context.Cause(ctx)
		case <-other.done:
		}
		if other.canceled {
			continue
		}
		value, _ := other.value.(T)
		return value, other.err
	}
}

// lead runs do. The caller has locked calls; lead unlocks it.
func lead[T any](ctx context.Context, calls *Calls, key string, do func() (T, error)) (value T, err error) {
	own := &sharedCall{done: make(chan struct{}), canceled: true}
	if calls.underWay == nil {
		calls.underWay = map[string]*sharedCall{}
	}
	calls.underWay[key] = own
	calls.mu.Unlock()
	// Deferred, so that a panic of do does not leave others waiting.
	defer func() {
		calls.mu.Lock()
		delete(calls.underWay, key)
		calls.mu.Unlock()
		close(own.done)
	}()
	value, err = do()
	own.value, own.err, own.canceled = value, err, err != nil && ctx.Err() != nil
	return value, err
}
