package pack

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images/store"
)

// A damageGroup is an errgroup in which one goroutine that finds a damaged file of the
// store does not end the others, so that one pass finds all damage.
type damageGroup struct {
	*errgroup.Group
	mu     sync.Mutex
	damage []error
}

// newDamageGroup returns a group of at most limit goroutines; 0 is no limit. The
// context is canceled by the first error that is not damage.
func newDamageGroup(ctx context.Context, limit int) (*damageGroup, context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	if limit > 0 {
		group.SetLimit(limit)
	}
	return &damageGroup{Group: group}, ctx
}

// Go runs f in a goroutine.
func (g *damageGroup) Go(f func() error) {
	g.Group.Go(func() error {
		err := f()
		if isDamaged(err) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.damage = append(g.damage, err)
			return nil
		}
		return err
	})
}

// Wait waits for all goroutines and returns every damage, and the first other error.
func (g *damageGroup) Wait() error {
	err := g.Group.Wait()
	return errors.Join(append([]error{err}, g.damage...)...)
}

func isDamaged(err error) bool {
	var damage *store.DamagedError
	return errors.As(err, &damage)
}
