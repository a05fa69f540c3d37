package push

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/progress"
)

// Images makes images of archives ready for registries. Its methods may be called from several goroutines, except for
// ReadProof and Start.
type Images struct {
	layers  layers
	origins origins
	ready   parallel.Memo[v1.Image]
}

// New returns Images that compress layers as compression says; the zero Compression is gzip. cache keeps the compressed
// layers.
func New(cache *store.Store, compression images.Compression) *Images {
	return &Images{origins: origins{}, layers: layers{cache: cache, compression: compression, queued: map[string]*queuedLayer{}}}
}

// ReadProof reads the registry's manifests in the proof of an archive, if it has one.
func (p *Images) ReadProof(ctx context.Context, a *airgap.Archive) error {
	return p.origins.read(ctx, a)
}

// Start begins to compress the layers of images, in the order of the archives, so that each archive is decompressed
// once, and with one decompressor. The compressor uses all processors for one layer. The caller must call stop before it
// closes the archives.
func (p *Images) Start(ctx context.Context, list []*airgap.PackedImage) (stop func()) {
	return p.layers.start(ctx, list)
}

// Image returns the image for a registry. called is its name in the archive; of several manifests of registries, the one
// with that name is restored.
func (p *Images) Image(ctx context.Context, packed *airgap.PackedImage, called string) (v1.Image, error) {
	if !packed.HasPlainLayer() {
		return packed.Image(ctx)
	}
	origin := p.origins.of(packed, called)
	return p.ready.Do(ctx, fmt.Sprint(packed.Archive().Path(), packed.ID, packed.Manifest.Digest, origin.digest), func() (v1.Image, error) {
		layers, err := p.compressed(ctx, packed)
		if err != nil {
			return nil, err
		}
		if restored := origin.restore(packed, layers); restored != nil {
			return partial.CompressedToImage(restored)
		}
		format := images.Format{Compression: p.layers.compression}
		if packed.Manifest.MediaType == types.DockerManifestSchema2 && !p.layers.zstd() {
			format.MediaTypes = images.DockerMediaTypes
		}
		return images.Compose(format, packed.RawConfig(), layers)
	})
}

// compressed returns the layers of an image, compressed.
func (p *Images) compressed(ctx context.Context, packed *airgap.PackedImage) ([]images.DescribedLayer, error) {
	for _, wrong := range packed.FalselyPlain() {
		progress.Warn(ctx, fmt.Sprintf("image %s of %s: %s: it is pushed as %s, which changes the digest of the image",
			packed.ID, packed.Archive().Path(), wrong, p.layers.algorithm()))
	}
	image, err := packed.Image(ctx)
	if err != nil {
		return nil, err
	}
	contents, err := image.Layers()
	if err != nil {
		return nil, err
	}
	described := make([]images.DescribedLayer, len(contents))
	var errs []error
	for i, l := range packed.Layers {
		described[i] = images.DescribedLayer{Layer: contents[i], Descriptor: l.Descriptor}
		if l.IsPlain() {
			described[i], err = p.layers.get(ctx, packed.Archive(), l, contents[i])
			errs = append(errs, err)
		}
	}
	return described, errors.Join(errs...)
}
