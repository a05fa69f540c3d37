package store

import (
	"context"
	"sync"
)

// flights lets concurrent callers with the same key share one call.
type flights struct {
	mu    sync.Mutex
	under map[string]*flight
}

type flight struct {
	landed   chan struct{}
	value    any
	err      error
	departed bool // the maker's own context was canceled: another caller may succeed
}

// share returns the result of make. A caller with a key for which make is running waits for that
// result.
func share[T any](ctx context.Context, f *flights, key string, make func() (T, error)) (T, error) {
	var zero T
	for {
		f.mu.Lock()
		other, ok := f.under[key]
		if !ok {
			return lead(ctx, f, key, make)
		}
		f.mu.Unlock()
		select {
		case <-ctx.Done():
			return zero, context.Cause(ctx)
		case <-other.landed:
		}
		if other.departed {
			continue
		}
		value, _ := other.value.(T)
		return value, other.err
	}
}

// lead calls make; f is locked.
func lead[T any](ctx context.Context, f *flights, key string, make func() (T, error)) (value T, err error) {
	own := &flight{landed: newSignal(), departed: true}
	if f.under == nil {
		f.under = map[string]*flight{}
	}
	f.under[key] = own
	f.mu.Unlock()
	// Deferred, so that a panic of make does not leave the others waiting.
	defer func() {
		f.mu.Lock()
		delete(f.under, key)
		f.mu.Unlock()
		close(own.landed)
	}()
	value, err = make()
	own.value, own.err, own.departed = value, err, err != nil && ctx.Err() != nil
	return value, err
}

func newSignal() chan struct{} { return make(chan struct{}) }
