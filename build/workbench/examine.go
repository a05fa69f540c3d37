package workbench

import (
	"cmp"
	"context"
	"errors"
	"io/fs"

	"github.com/slipway-build/slipway/build/workbench/caches"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/engine/fleet"
)

// ExamineEngines connects to the engines at an address, which is the one in the options if it is empty. The answers are by
// address.
func (w *Workbench) ExamineEngines(ctx context.Context, builder images.BuilderKind, address string) (map[string]*engine.Answer, error) {
	if builder == images.DockerBuilder {
		o := engine.Options{Address: cmp.Or(address, w.options.DockerHost), TLS: tlsFiles(w.options.DockerTLS)}
		answer, err := engine.Docker(o).Examine(ctx)
		return map[string]*engine.Answer{o.Address: answer}, err
	}
	addresses, err := fleet.Resolve(ctx, cmp.Or(address, w.options.BuildkitHost))
	if err != nil {
		return nil, err
	}
	answers := map[string]*engine.Answer{}
	for _, a := range addresses {
		o := engine.Options{Address: a, TLS: tlsFiles(w.options.BuildkitTLS)}
		if answers[a], err = engine.Buildkit(o).Examine(ctx); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// CheckCaches returns an error for each place of shared caches that cannot be read.
func (w *Workbench) CheckCaches(ctx context.Context, shared caches.Shared) []error {
	cache, err := shared.Open(caches.Surroundings{Client: w.Registry, Getenv: w.options.Getenv, Offline: w.options.Offline})
	if err != nil {
		return []error{err}
	}
	defer cache.Close()
	var errs []error
	for _, place := range cache.Places() {
		if _, err := place.Segments(ctx); err != nil && !errors.Is(err, fs.ErrNotExist) { // it is empty
			errs = append(errs, err)
		}
	}
	return errs
}
