package store

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"
)

// A Group runs functions in goroutines, as an errgroup does. One that finds a damaged file
// of the store does not cancel the others, so that one pass finds all damage.
type Group struct {
	group  *errgroup.Group
	mu     sync.Mutex
	damage []error
}

// NewGroup returns a group of at most limit goroutines; 0 is no limit. The
// context is canceled by the first error that is not damage.
func NewGroup(ctx context.Context, limit int) (*Group, context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	if limit > 0 {
		group.SetLimit(limit)
	}
	return &Group{group: group}, ctx
}

// Go runs f in a goroutine.
func (g *Group) Go(f func() error) {
	g.group.Go(func() error {
		err := f()
		if IsDamaged(err) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.damage = append(g.damage, err)
			return nil
		}
		return err
	})
}

// Wait waits for all goroutines and returns every damage, and the first other error.
func (g *Group) Wait() error {
	err := g.group.Wait()
	return errors.Join(append([]error{err}, g.damage...)...)
}

// IsDamaged reports whether err wraps a *DamagedError.
func IsDamaged(err error) bool {
	var damage *DamagedError
	return errors.As(err, &damage)
}
