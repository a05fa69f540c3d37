package push

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/attest/proof"
)

// origins has the manifests of the registry that the proofs of archives keep for images whose manifests were rewritten,
// by archive and by the digest of the rewritten manifest.
type origins map[*airgap.Archive]map[v1.Hash][]origin

// An origin is a manifest of the registry that an image comes from.
type origin struct {
	names     []string // of the image
	digest    v1.Hash
	mediaType types.MediaType
	raw       []byte
}

// read adds the manifests in the proof of an archive, if it has one.
func (o origins) read(ctx context.Context, a *airgap.Archive) error {
	kept, err := proof.ReadManifests(ctx, a.ReadFile)
	if err != nil || len(kept) == 0 {
		return err
	}
	o[a] = map[v1.Hash][]origin{}
	for _, m := range kept {
		o[a][m.Image.Manifest] = append(o[a][m.Image.Manifest], origin{m.Image.Names, m.Image.Registry.Manifest, m.MediaType, m.Raw})
	}
	return nil
}

// of returns the manifest of an image for its name, or else another one of the same image; the zero origin if there is
// none.
func (o origins) of(packed *airgap.PackedImage, called string) origin {
	var found origin
	for _, candidate := range o[packed.Archive()][packed.Manifest.Digest] {
		if found.raw == nil || slices.Contains(candidate.names, called) {
			found = candidate
		}
	}
	return found
}

// restore returns the image with the registry's manifest, if that is for the same config and for exactly these layers.
// Otherwise it returns nil.
func (o origin) restore(packed *airgap.PackedImage, layers []images.DescribedLayer) partial.CompressedImageCore {
	if o.raw == nil {
		return nil
	}
	m, err := v1.ParseManifest(bytes.NewReader(o.raw))
	if err != nil || m.Config.Digest != packed.ID || len(m.Layers) != len(layers) {
		return nil
	}
	restored := &restoredImage{origin: o, config: packed.RawConfig(), layers: map[v1.Hash]v1.Layer{}}
	for i, l := range layers {
		if m.Layers[i].Digest != l.Descriptor.Digest || m.Layers[i].Size != l.Descriptor.Size {
			return nil
		}
		restored.layers[l.Descriptor.Digest] = l.Layer
	}
	return restored
}

// restoredImage is an image with the manifest of the registry.
type restoredImage struct {
	origin
	config []byte
	layers map[v1.Hash]v1.Layer
}

func (r *restoredImage) MediaType() (types.MediaType, error) { return r.mediaType, nil }
func (r *restoredImage) RawManifest() ([]byte, error)        { return r.raw, nil }
func (r *restoredImage) RawConfigFile() ([]byte, error)      { return r.config, nil }

func (r *restoredImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	if l := r.layers[h]; l != nil {
		return l, nil
	}
	return nil, fmt.Errorf("the image has no layer %s", h)
}
