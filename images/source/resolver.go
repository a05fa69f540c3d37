package source

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/engine/docker"
	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// A Resolver resolves references. It implements images.Source, and several goroutines may use it.
type Resolver struct {
	// Pin, unless it is nil, returns the digest to use instead of a tag of a registry, and its position, for errors.
	// With a zero digest, the tag is used.
	Pin func(tag name.Tag) (digest name.Digest, at string, err error)

	registry *registry.Client
	daemon   docker.Options
	copied   docker.Store // of daemon
	archives parallel.Memo[*archiveSource]
	layouts  layouts
}

// NewResolver returns a Resolver for images of registries, and of the Docker Engine daemon. Images of the Engine are
// copied to store.
func NewResolver(registry *registry.Client, store docker.Store, daemon docker.Options) *Resolver {
	return &Resolver{registry: registry, daemon: daemon, copied: store}
}

// Close closes the archives that images were read from. No image of them may be used afterwards.
func (r *Resolver) Close() error {
	var errs []error
	for _, source := range r.archives.Values() {
		errs = append(errs, source.archive.Close())
	}
	return errors.Join(errs...)
}

// Resolved is an image or an index.
type Resolved struct {
	// Descriptor has a platform if an archive or a layout states it.
	Descriptor v1.Descriptor
	// Raw are the bytes of the manifest.
	Raw []byte
	// Either Image or Index is set.
	Image v1.Image
	Index v1.ImageIndex
	// Kept is the index in the source, which may lack some of its images. It is nil if Index was made here from the
	// images of an archive.
	Kept v1.ImageIndex
	// InRegistry says that Name is in a registry, which may have signatures and other referrers of it.
	InRegistry bool
	// Name is the reference by which nodes look for it. It is empty if neither the source nor the reference has a full
	// name; Naming then has instructions for giving one.
	Name, Naming string
}

// Resolve resolves ref; see the package for the forms of a reference.
func (r *Resolver) Resolve(ctx context.Context, ref string) (*Resolved, error) {
	if dir, name, ok := CutLayout(ref); ok {
		return r.layouts.resolve(ctx, dir, name)
	}
	if name, ok := strings.CutPrefix(ref, daemonScheme); ok {
		return r.resolveDaemon(ctx, name)
	}
	if file, name, ok := cutArchive(ref); ok {
		return r.resolveArchive(ctx, file, name)
	}
	parsed, err := images.ParseReference(images.TrimTransport(ref))
	if err != nil {
		return nil, usage.Wrap(err)
	}
	m, err := r.manifest(ctx, parsed)
	if err != nil {
		return nil, err
	}
	out := &Resolved{Descriptor: m.Descriptor, Raw: m.Raw, InRegistry: true, Name: parsed.String()}
	if m.Descriptor.MediaType.IsIndex() {
		out.Index, err = m.Index()
		out.Kept = out.Index
	} else {
		out.Image, err = m.Image()
	}
	return out, err
}

// manifest resolves a reference of a registry, or the digest that its tag is pinned to.
func (r *Resolver) manifest(ctx context.Context, ref name.Reference) (*registry.Manifest, error) {
	tag, ok := ref.(name.Tag)
	if !ok || r.Pin == nil {
		return r.registry.Resolve(ctx, ref)
	}
	digest, at, err := r.Pin(tag)
	if err != nil {
		return nil, err
	}
	if at == "" {
		return r.registry.Resolve(ctx, ref)
	}
	m, err := r.registry.Resolve(ctx, digest)
	if err != nil {
		err = fmt.Errorf("%s: %w", at, err)
	}
	return m, err
}

// Image returns the image of ref for a platform.
func (r *Resolver) Image(ctx context.Context, ref string, platform v1.Platform) (v1.Image, error) {
	return r.choose(ctx, ref, platform, images.ImageServes)
}

// Bases returns a source of base images for builders, which may be without a platform; see images.BaseServes.
func (r *Resolver) Bases() *Bases { return &Bases{resolver: r} }

func (r *Resolver) choose(ctx context.Context, ref string, platform v1.Platform, serves servesFunc) (v1.Image, error) {
	found, err := r.Resolve(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	return found.imageFor(ctx, ref, platform, serves)
}

// A servesFunc returns an error unless an image that is not in an index is for a platform. stated is the platform that its
// source states, or nil.
type servesFunc func(image v1.Image, stated *v1.Platform, want v1.Platform) error

// ImageFor returns the image for a platform. ref is for messages.
func (f *Resolved) ImageFor(ctx context.Context, ref string, platform v1.Platform) (v1.Image, error) {
	return f.imageFor(ctx, ref, platform, images.ImageServes)
}

func (f *Resolved) imageFor(ctx context.Context, ref string, platform v1.Platform, serves servesFunc) (image v1.Image, err error) {
	if f.Index != nil {
		if err := f.WarnArtifacts(ctx, ref, true); err != nil {
			return nil, fmt.Errorf("image %s: %w", ref, err)
		}
		image, err = images.ImageFor(f.Index, platform)
	} else {
		image, err = f.Image, serves(f.Image, f.Descriptor.Platform, platform)
	}
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", ref, err)
	}
	return image, nil
}

// WarnArtifacts warns about each entry of the index that is not an image, and is therefore omitted. ref is for
// messages; see images.Artifacts for believe.
func (f *Resolved) WarnArtifacts(ctx context.Context, ref string, believe bool) error {
	if f.Index == nil {
		return nil
	}
	artifacts, err := images.Artifacts(f.Index, believe)
	for _, a := range artifacts {
		progress.Warn(ctx, fmt.Sprintf("index %s: %s; it is left out", ref, a))
	}
	return err
}

// ResolveAll is Resolve. Of a layout without a name, it returns all images.
func (r *Resolver) ResolveAll(ctx context.Context, ref string) ([]*Resolved, error) {
	dir, name, ok := CutLayout(ref)
	if !ok || name != "" {
		found, err := r.Resolve(ctx, ref)
		return []*Resolved{found}, err
	}
	layout, err := r.layouts.open(dir)
	if err != nil {
		return nil, err
	}
	var all []*Resolved
	for _, d := range layout.withoutArtifacts(ctx, layout.names.Entries()) {
		found, err := r.layouts.resolve(ctx, dir, d.Digest.String())
		if err != nil {
			return nil, err
		}
		found.Descriptor, found.Name = d, entryName(d, "")
		all = append(all, found)
	}
	return all, nil
}
