package attach

import (
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/attest/sign"
)

// Referrer returns a referrer of subject that holds a bundle. predicateType is that of the statement in the bundle, which
// cosign selects bundles by.
func Referrer(subject v1.Descriptor, bundle []byte, predicateType string) (v1.Image, error) {
	config, err := descriptor([]byte("{}"), "application/vnd.oci.empty.v1+json")
	if err != nil {
		return nil, err
	}
	return image([]byte("{}"), v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: sign.MediaType, Config: config,
		Annotations: map[string]string{"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": predicateType},
		Subject:     &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
	}, blob{bundle, sign.MediaType, nil})
}

// A blob is the content of a layer.
type blob struct {
	content     []byte
	mediaType   types.MediaType
	annotations map[string]string
}

func descriptor(content []byte, mediaType types.MediaType) (v1.Descriptor, error) {
	layer := static.NewLayer(content, mediaType)
	d, err := partial.Descriptor(layer)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return *d, nil
}

// image returns an image with a manifest, whose layers are added, and a config.
func image(config []byte, m v1.Manifest, blobs ...blob) (v1.Image, error) {
	a := &artifact{config: config, mediaType: m.MediaType, layers: map[v1.Hash]v1.Layer{}}
	for _, b := range blobs {
		d, err := descriptor(b.content, b.mediaType)
		if err != nil {
			return nil, err
		}
		d.Annotations = b.annotations
		m.Layers = append(m.Layers, d)
		a.layers[d.Digest] = static.NewLayer(b.content, b.mediaType)
	}
	var err error
	if a.manifest, err = json.Marshal(m); err != nil {
		return nil, fmt.Errorf("encoding a manifest: %w", err)
	}
	return partial.CompressedToImage(a)
}

// An artifact is an image in memory whose config and layers may have any media type.
type artifact struct {
	config, manifest []byte
	mediaType        types.MediaType
	layers           map[v1.Hash]v1.Layer
}

func (a *artifact) RawConfigFile() ([]byte, error)      { return a.config, nil }
func (a *artifact) RawManifest() ([]byte, error)        { return a.manifest, nil }
func (a *artifact) MediaType() (types.MediaType, error) { return a.mediaType, nil }

// LayerByDigest returns one layer.
func (a *artifact) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	layer, ok := a.layers[h]
	if !ok {
		return nil, fmt.Errorf("the artifact has no layer %s", h)
	}
	return layer, nil
}
