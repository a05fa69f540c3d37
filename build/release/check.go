package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/build/lock"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// Check checks the release before anything is made: Dockerfiles must be readable, artifacts must have the names that
// slipway.yaml expects and sends to buckets, and slipway.lock, if it exists, must have the images of the release and no
// others. Online, Check also looks up the platforms and Windows versions of each image of lists and each base. Open has
// checked the rest. The error joins all problems.
func (r *Release) Check(ctx context.Context, online bool) error {
	r.Warn(ctx)
	all, err := r.needs(r.full)
	errs := []error{err, r.checkNames(), r.checkSelections()}
	f, err := lock.Read(r.lockPath())
	switch {
	case err == nil:
		used := map[string]bool{}
		for _, n := range all {
			used[images.Qualified(n.ref)] = true
		}
		errs = append(append(errs, unlocked(f, all)), f.Unused(used)...)
	case errors.Is(err, fs.ErrNotExist) && !r.options.Locked:
		f = nil
	default:
		errs = append(errs, err)
	}
	if online && errors.Join(errs...) == nil {
		r.lock = f
		errs = append(errs, r.checkOnline(ctx, all))
	}
	return errors.Join(errs...)
}

// checkOnline looks up images for their platforms. With a lock, it looks up the locked digests, and warns about tags
// that have moved.
func (r *Release) checkOnline(ctx context.Context, all []needed) error {
	if r.options.Offline {
		return errors.New("offline: --online needs registries")
	}
	if err := r.openBench(); err != nil {
		return err
	}
	var (
		found  = r.lookUp(ctx, all, r.lock)
		errs   []error
		warned = map[string]bool{}
	)
	for _, f := range found {
		errs = append(errs, f.Err)
		if f.Moved != "" && !warned[f.Moved] {
			warned[f.Moved] = true
			progress.Warn(ctx, f.Moved)
		}
	}
	return errors.Join(errs...)
}

// moved returns a warning if a locked tag refers to another digest now, or "".
func (r *Release) moved(ctx context.Context, n needed, f *lock.File) (string, error) {
	tag, ok := n.ref.(name.Tag)
	if !ok || f == nil {
		return "", nil
	}
	digest, at, err := f.Pin(tag)
	if err != nil {
		return "", err
	}
	m, err := r.bench.Registry.Resolve(ctx, tag)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("%s: the tag %s does not exist any more", at, images.Familiar(tag)), nil
	}
	if err != nil || m.Descriptor.Digest.String() == digest.DigestStr() {
		return "", err
	}
	return fmt.Sprintf("%s: the tag %s now refers to %s: slipway lock records it", at, images.Familiar(tag), m.Descriptor.Digest), nil
}

// checkNames compares the names of artifacts with the expected names in slipway.yaml.
func (r *Release) checkNames() error {
	var (
		errs   []error
		expect = r.Config.Expect
		has    = map[string]bool{}
		order  []string
	)
	if !expect.When.Holds(nil) {
		return nil
	}
	for _, planned := range r.artifactNames() {
		if !has[planned] {
			has[planned] = true
			order = append(order, planned)
		}
	}
	for _, want := range expect.Names {
		if !has[want] {
			errs = append(errs, fmt.Errorf("%s: expect.names: the release does not have %s: see slipway plan", expect.Position, want))
		}
	}
	if expect.Artifacts == "" {
		return errors.Join(errs...)
	}
	file := r.relative(expect.Artifacts)
	raw, err := regular.ReadFile(r.path(expect.Artifacts))
	if err != nil {
		return errors.Join(append(errs, fmt.Errorf("reading the names of artifacts: %w", err))...)
	}
	listed := map[string]int{}
	for i, line := range strings.Split(string(raw), "\n") {
		line, _, _ = strings.Cut(line, "#")
		want := strings.TrimSpace(line)
		switch {
		case want == "":
		case listed[want] > 0:
			errs = append(errs, fmt.Errorf("%s:%d: duplicate %s: line %d has it", file, i+1, want, listed[want]))
		default:
			listed[want] = i + 1
			if !has[want] {
				errs = append(errs, fmt.Errorf("%s:%d: the release does not have %s", file, i+1, want))
			}
		}
	}
	slices.Sort(order)
	for _, planned := range order {
		if listed[planned] == 0 {
			errs = append(errs, fmt.Errorf("%s: missing %s, which the release has: add it, or switch it off", file, planned))
		}
	}
	return errors.Join(errs...)
}

// artifactNames returns the names of the files in dist/artifacts. A split archive has its own name.
func (r *Release) artifactNames() []string {
	var names []string
	for _, f := range r.full.Artifacts() {
		names = append(names, path.Base(f.Path))
	}
	for _, s := range r.full.Checksums {
		names = append(names, path.Base(s.Output))
	}
	return names
}
