package workbench

import (
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/attest/sbom"
	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/internal/usage"
)

// Catalog returns a catalog of software that keeps what it finds in the cache.
func (w *Workbench) Catalog() *sbom.Catalog {
	return &sbom.Catalog{Store: w.Cache, Limits: fstree.Limits{Bytes: w.options.UnpackLimit}, Jobs: w.options.Jobs}
}

// ImageOf returns the image that ref names, and its name, which may be empty. Of an index, it is the image for the
// platform of the options, or for Linux on this machine's architecture.
func (w *Workbench) ImageOf(ctx context.Context, ref string) (name string, image v1.Image, err error) {
	found, err := w.Sources.Resolve(ctx, ref)
	if err != nil {
		return "", nil, fmt.Errorf("image %s: %w", ref, err)
	}
	if found.Image != nil && len(w.options.Platforms) == 0 {
		return found.Name, found.Image, nil
	}
	if len(w.options.Platforms) > 1 {
		return "", nil, usage.Errorf("an SBOM is of one image: run the command once for each --platform")
	}
	platform, err := w.onePlatform()
	if err != nil {
		return "", nil, err
	}
	image, err = found.ImageFor(ctx, ref, platform)
	return found.Name, image, err
}
