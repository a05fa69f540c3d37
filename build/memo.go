package build

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"
)

// A memo makes each thing once: the second who asks waits for the first. It is
// what lets every step pull what it needs, without an engine that orders steps.
type memo[T any] struct {
	mu    sync.Mutex
	calls map[string]*call[T]
}

type call[T any] struct {
	done  chan struct{}
	value T
	err   error
}

func (m *memo[T]) do(ctx context.Context, key string, produce func() (T, error)) (T, error) {
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

// each calls do for 0 to n-1, limit at a time, goes on when one fails, and
// returns all errors in the order of their numbers. Steps that were still to
// come when ctx ended are not begun.
func each(ctx context.Context, n, limit int, do func(i int) error) error {
	errs := make([]error, n+1)
	var group errgroup.Group
	group.SetLimit(max(limit, 1))
	for i := range n {
		if errs[n] = context.Cause(ctx); errs[n] != nil {
			break
		}
		group.Go(func() error {
			errs[i] = do(i)
			return nil
		})
	}
	_ = group.Wait() // errors are in errs
	return errors.Join(distinct(errs)...)
}

// distinct drops an error that another step has reported as well, such as that
// of a memo both waited for.
func distinct(errs []error) []error {
	var out []error
	seen := map[string]bool{}
	for _, err := range errs {
		if err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			out = append(out, err)
		}
	}
	return out
}
