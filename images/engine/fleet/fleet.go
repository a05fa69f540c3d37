package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/engine/endpoint"
	"github.com/slipway-build/slipway/progress"
)

// A Fleet counts the builds of several engines, so that builders with some of them in common share the work. The zero
// Fleet is ready for use by several goroutines.
type Fleet struct {
	mu      sync.Mutex
	engines map[string]*load // by address
}

// A load is the work of an engine.
type load struct {
	builds int // that are running
	losses int // of its builds, since the last one that it finished
}

const (
	// maxMoves limits how often a build is moved to another engine: one that takes engines down would take all.
	maxMoves = 2
	// defaultPatience is long, since an engine that runs many steps may be slow to answer.
	defaultPatience = time.Minute
)

// Buildkit returns a builder that uses the buildkitd at any of the addresses; without any, that of the options. Each
// build goes to the one with the fewest builds, and of those to the first. If an engine cannot be reached, breaks the
// connection, or does not answer for Options.Patience, its build is moved to another, with a warning, at most twice.
//
// An address kube-pod://?selector=LABELS stands for all ready pods with these labels, as kubectl finds them for each
// build.
func (f *Fleet) Buildkit(o engine.Options, addresses []string) images.Assembler {
	if len(addresses) == 0 {
		addresses = []string{o.Address}
	}
	if len(addresses) > 1 || endpoint.Selector(addresses[0]) != "" {
		o.Patience = cmp.Or(o.Patience, defaultPatience)
	}
	return &builder{f, o, addresses}
}

// A builder builds with some engines of a fleet.
type builder struct {
	fleet     *Fleet
	options   engine.Options // of the builds, without an address
	addresses []string
}

// next returns the address of the engine that gets the next build. It leaves out the addresses in except, and returns
// false if all engines are among them.
func (b *builder) next(ctx context.Context, except ...string) (address string, ok bool, err error) {
	var all []string
	for _, address := range b.addresses {
		resolved, err := Resolve(ctx, address)
		if err != nil {
			return "", false, err
		}
		all = append(all, resolved...)
	}
	address, ok = b.fleet.take(all, except...)
	return address, ok, nil
}

// Assemble builds one Dockerfile for one platform.
func (b *builder) Assemble(ctx context.Context, build images.BuildContext) (v1.Image, error) {
	address, _, err := b.next(ctx)
	if err != nil {
		return nil, err
	}
	for moves := 0; ; moves++ {
		o := b.options
		o.Address = address
		img, err := engine.Buildkit(o).Assemble(ctx, build)
		lost := engine.Lost(err) && ctx.Err() == nil
		b.fleet.done(address, lost)
		if !lost {
			return img, err
		}
		if moves == maxMoves {
			return nil, fmt.Errorf("lost %d engines during this build: %w", moves+1, err)
		}
		other, ok, unknown := b.next(ctx, address)
		if !ok {
			return nil, errors.Join(err, unknown)
		}
		reason, _, _ := strings.Cut(err.Error(), "\n") // without advice
		progress.Warn(ctx, fmt.Sprintf("%s; building it again with BuildKit at %s", reason, other))
		address = other
	}
}

// take returns the address of the engine that gets the next build, and counts the build. It leaves out the addresses in
// except, and returns false if there are no others.
func (f *Fleet) take(addresses []string, except ...string) (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	candidates := slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return slices.Contains(except, a) })
	if len(candidates) == 0 {
		return "", false
	}
	chosen := slices.MinFunc(candidates, func(a, b string) int {
		x, y := f.load(a), f.load(b)
		return cmp.Or(cmp.Compare(x.losses, y.losses), cmp.Compare(x.builds, y.builds))
	})
	f.load(chosen).builds++
	return chosen, true
}

// done records the end of a build.
func (f *Fleet) done(address string, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.load(address)
	l.builds--
	if lost {
		l.losses++
	} else {
		l.losses = 0
	}
}

// load returns the load of an engine. The caller has locked f.
func (f *Fleet) load(address string) *load {
	if f.engines == nil {
		f.engines = map[string]*load{}
	}
	if f.engines[address] == nil {
		f.engines[address] = &load{}
	}
	return f.engines[address]
}
