package release

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/lock"
	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
)

// A needed is an image of another project that the release needs: an image of a list, or the base of an image.
type needed struct {
	ref      name.Reference
	platform v1.Platform
	base     bool
	final    bool // an image is FROM it, rather than a stage that the image copies from
	// at is the position of its reference, as file:line.
	at string
}

// needs returns the images of other projects in a plan, each once per platform.
func (r *Release) needs(p *plan.Plan) ([]needed, error) {
	var (
		all  []needed
		errs []error
		seen = map[string]bool{}
		own  = r.full.Names()
	)
	add := func(text string, platform images.Platform, base, final bool, at string) {
		ref, err := images.ParseReference(images.TrimTransport(text))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
			return
		}
		if key := fmt.Sprint(ref.Name(), platform, base, final); !seen[key] && !own[images.Qualified(ref)] {
			seen[key] = true
			all = append(all, needed{ref, platform.Platform, base, final, at})
		}
	}
	for _, step := range p.Archives {
		for _, image := range step.Images {
			if image.Own == "" {
				add(image.Names[0], step.Platform, false, false, image.Source)
			}
		}
	}
	for _, step := range p.Images {
		graph, err := assemble.New(assemble.Options{}).Graph(r.buildContext(step))
		if err != nil {
			errs = append(errs, fmt.Errorf("image %s for %s: %w", step.Image, step.Platform, err))
			continue
		}
		bases, err := graph.BaseImages()
		if err != nil {
			errs = append(errs, fmt.Errorf("image %s for %s: %w", step.Image, step.Platform, err))
		}
		for _, b := range bases {
			add(b.Ref, images.Platform{Platform: b.Platform}, true, b.Final, fmt.Sprintf("%s:%d", r.relative(step.Dockerfile), b.Line))
		}
	}
	return all, errors.Join(parallel.Distinct(errs)...)
}

// lockPath returns the path of slipway.lock.
func (r *Release) lockPath() string { return filepath.Join(filepath.Dir(r.Config.File), lock.FileName) }

// Lock writes slipway.lock with the current digests of the tags of lists and base images, and returns the number of
// entries. References with a digest need no entry.
func (r *Release) Lock(ctx context.Context) (int, error) {
	if r.options.Offline {
		return 0, usage.Errorf("offline: lock needs registries to resolve tags")
	}
	all, err := r.needs(r.full)
	if err != nil {
		return 0, err
	}
	if err := r.openBench(); err != nil {
		return 0, err
	}
	var (
		tags []needed
		seen = map[string]bool{}
	)
	for _, n := range all {
		if _, ok := n.ref.(name.Tag); ok && !seen[n.ref.Name()] {
			seen[n.ref.Name()] = true
			tags = append(tags, n)
		}
	}
	found := make([]v1.Hash, len(tags))
	err = parallel.Each(ctx, len(tags), r.options.Transfers(), func(i int) error {
		m, err := r.bench.Registry.Resolve(ctx, tags[i].ref)
		if err != nil {
			return fmt.Errorf("%s: %w", tags[i].at, err)
		}
		found[i] = m.Descriptor.Digest
		return nil
	})
	if err != nil {
		return 0, err
	}
	digests := map[string]v1.Hash{}
	for i, n := range tags {
		digests[images.Qualified(n.ref)] = found[i]
	}
	return len(digests), output.WriteFile(r.lockPath(), lock.Format(digests))
}

// unlocked returns an error for each image that is not in the lock.
func unlocked(f *lock.File, all []needed) error {
	var errs []error
	for _, n := range all {
		if tag, ok := n.ref.(name.Tag); ok {
			if _, _, err := f.Pin(tag); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", n.at, err))
			}
		}
	}
	return errors.Join(parallel.Distinct(errs)...)
}

// openLock reads slipway.lock if this run uses it. It reports all images that are not locked together. Bases in a
// Dockerfile that a hook makes later are checked when the image is built.
func (r *Release) openLock() error {
	if !r.options.Locked {
		return nil
	}
	f, err := lock.Read(r.lockPath())
	if err != nil {
		return usage.Wrap(fmt.Errorf("%w: --locked (environment SLIPWAY_LOCKED) uses its digests, and slipway lock writes it", err))
	}
	r.lock = f
	all, _ := r.needs(r.full) // an unreadable file is reported when it is built
	return usage.Wrap(unlocked(f, all))
}

// pin returns the lookup of the workbench in the lock of this run. Images that the release makes itself are not locked.
func (r *Release) pin() func(name.Tag) (name.Digest, string, error) {
	own := r.full.Names()
	return func(tag name.Tag) (name.Digest, string, error) {
		if own[images.Qualified(tag)] {
			return name.Digest{}, "", nil
		}
		return r.lock.Pin(tag)
	}
}
