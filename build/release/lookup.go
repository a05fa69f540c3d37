package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/lock"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/parallel"
)

// A Lookup is the result of looking up an image of another project for a platform.
type Lookup struct {
	Ref      name.Reference
	Platform v1.Platform
	// Final is whether an image is FROM it. It is false for an image of a list, or of a stage that an image copies from.
	Final bool
	// At is the position of its reference, as file:line.
	At string
	// Image is what was found, unless Err is set. Err begins with At.
	Image v1.Image
	Err   error
	// Moved is a warning if slipway.lock has another digest of its tag, or "".
	Moved string
}

// LookUp looks up the images of other projects that the plan needs. It downloads no layer.
func (r *Release) LookUp(ctx context.Context) ([]Lookup, error) {
	if err := r.openLock(); err != nil {
		return nil, err
	}
	if err := r.openBench(); err != nil {
		return nil, err
	}
	f, err := lock.Read(r.lockPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		f = nil
	}
	all, err := r.needs(r.Plan)
	return r.lookUp(ctx, all, f), err
}

// lookUp looks up images, and compares their tags with a lock, which may be nil.
func (r *Release) lookUp(ctx context.Context, all []needed, f *lock.File) []Lookup {
	found := make([]Lookup, len(all))
	_ = parallel.Each(ctx, len(all), r.options.Transfers(), func(i int) (err error) {
		n := all[i]
		l := &found[i]
		*l = Lookup{Ref: n.ref, Platform: n.platform, Final: n.final, At: n.at}
		if n.base {
			l.Image, err = r.bench.FindBase(ctx, n.ref.String(), n.platform)
		} else {
			p, failed := r.bench.FindImage(ctx, n.ref.String(), n.platform)
			l.Image, err = p.Image, failed
		}
		if err != nil {
			l.Err = fmt.Errorf("%s: %s: %w", n.at, images.FormatPlatform(n.platform), err)
			return nil
		}
		l.Moved, l.Err = r.moved(ctx, n, f)
		return nil
	})
	return found
}
