package olds

import (
	"context"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/delta"
)

// The prefixes of olds that are not references of package images/source.
const (
	registryPrefix   = "registry:"
	containerdPrefix = "containerd:"
)

// Forms describes the olds that are not archives, for help texts. RegistryForm is another one, to apply a delta.
const (
	Forms = `oci:DIR (all images of an OCI layout), oci:DIR:NAME, docker-image://REF (an image of a
registry), docker-daemon:REF and containerd:[SOCKET][?namespace=NAME] (all images of a node)`
	RegistryForm = `registry:[HOST[:PORT][/PREFIX]] (the images that the delta names, in that registry)`
)

// isFile reports whether an old is an archive, by its path or URL.
func isFile(old string) bool {
	for _, prefix := range []string{registryPrefix, containerdPrefix, "oci:", "oci-layout://", "docker://", "docker-image://", "docker-daemon:", "docker-archive:"} {
		if strings.HasPrefix(old, prefix) {
			return false
		}
	}
	return true
}

// A Finder finds olds.
type Finder struct {
	// Open opens the workbench, which is closed once layers have been read.
	Open func() (*workbench.Workbench, error)
	// Named are the olds.
	Named []string
}

// ToApply returns the olds for a delta that is applied.
func (f *Finder) ToApply() delta.Olds {
	return delta.Olds{Files: f.files(), Layers: func(ctx context.Context, wanted []delta.FileID, take takeFunc) error {
		return f.read(ctx, newReader(wanted, take))
	}}
}

// ToDiff returns the olds for a delta that makes the archive at path. The delta is for their layers if layers is set, or if
// one of them is not a file.
func (f *Finder) ToDiff(path string, layers bool) delta.Olds {
	files := f.files()
	if !layers && f.AreFiles() {
		return delta.Olds{Files: files}
	}
	return delta.Olds{Files: files, Layers: func(ctx context.Context, _ []delta.FileID, take takeFunc) error {
		r := newReader(nil, take)
		if err := r.like(ctx, path); err != nil {
			return err
		}
		return f.read(ctx, r)
	}}
}

// AreFiles reports whether all olds are archives.
func (f *Finder) AreFiles() bool { return len(f.files()) == len(f.Named) }

func (f *Finder) files() (files []string) {
	for _, old := range f.Named {
		if isFile(old) {
			files = append(files, old)
		}
	}
	return files
}

// read reads layers of the olds.
func (f *Finder) read(ctx context.Context, r *reader) (err error) {
	w, err := f.Open()
	if err != nil {
		return err
	}
	defer w.Close()
	for _, old := range f.Named {
		if err := r.old(ctx, w, old); err != nil {
			return err
		}
	}
	return r.failure()
}

// like makes the reader read layers for the platforms of an archive, in the form that the archive has them in.
func (r *reader) like(ctx context.Context, path string) error {
	a, err := airgap.Open(ctx, path)
	if err != nil {
		return err
	}
	defer a.Close()
	list, _, err := a.Contents(ctx)
	if err != nil {
		return err
	}
	seen := map[images.PlatformKey]bool{}
	for _, img := range list {
		if key := images.KeyOf(img.Platform); !seen[key] {
			seen[key] = true
			r.platforms = append(r.platforms, img.Platform)
		}
		for _, l := range img.Layers {
			r.original = r.original || l.Digest != l.DiffID
		}
	}
	return nil
}

// isFor reports whether an image is for one of the platforms.
func (r *reader) isFor(p v1.Platform) bool {
	for _, want := range r.platforms {
		if images.SamePlatform(p, want) {
			return true
		}
	}
	return false
}
