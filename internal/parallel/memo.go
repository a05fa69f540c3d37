package parallel

import (
	"context"
	"sync"
)

// A Memo makes one value per key. The zero Memo is ready for use by several goroutines.
type Memo[T any] struct {
	mu    sync.Mutex
	calls map[string]*call[T]
}

type call[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// Do returns the result of produce, which it calls only the first time for a key. Other calls with the key wait for the
// result, until ctx ends. Errors are kept as well.
func (m *Memo[T]) Do(ctx context.Context, key string, produce func() (T, error)) (T, error) {
	m.mu.Lock()
	if m.calls == nil {
		m.calls = map[string]*call[T]{}
	}
	c, waiting := m.calls[key]
	if !waiting {
		c = &call[T]{done: make(chan struct{})}
		m.calls[key] = c
	}
	m.mu.Unlock()
	if !waiting {
		c.value, c.err = produce()
		close(c.done)
		return c.value, c.err
	}
	select {
	case <-c.done:
		return c.value, c.err
	case <-ctx.Done():
		var zero T
		return zero, context.Cause(ctx)
	}
}

// Values returns the values that were made without an error, so that the caller can close them. It must not be called
// during a call of Do.
func (m *Memo[T]) Values() []T {
	var values []T
	for _, c := range m.calls {
		if c.err == nil {
			values = append(values, c.value)
		}
	}
	return values
}
