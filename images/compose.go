package images

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A DescribedLayer is a layer with its description in a manifest.
type DescribedLayer struct {
	v1.Layer
	Descriptor v1.Descriptor
}

// Compose makes an image from a config and its layers, base first, by adding a manifest
// in the media types of format. Media types of layers are translated, since Docker's
// and OCI's must not be mixed. Layers are read on demand.
func Compose(format Format, config []byte, layers []DescribedLayer) (v1.Image, error) {
	img := &composed{format: format, config: config, byDigest: map[v1.Hash]v1.Layer{}}
	m := v1.Manifest{SchemaVersion: 2, MediaType: format.Manifest(), Layers: []v1.Descriptor{}}
	for _, l := range layers {
		var err error
		if l.Descriptor.MediaType, err = format.LayerLike(l.Descriptor.MediaType); err != nil {
			return nil, err
		}
		m.Layers = append(m.Layers, l.Descriptor)
		// A layer that agrees with the manifest is not wrapped: a store links files of
		// another store.
		layer := l.Layer
		if own, err := layer.MediaType(); err != nil || own != l.Descriptor.MediaType {
			layer = &retyped{layer, l.Descriptor}
		}
		img.layers = append(img.layers, layer)
		img.byDigest[l.Descriptor.Digest] = layer
	}
	var err error
	m.Config.MediaType = format.Config()
	if m.Config.Digest, m.Config.Size, err = v1.SHA256(bytes.NewReader(config)); err != nil {
		return nil, err
	}
	img.manifest, err = json.Marshal(m)
	return img, err
}

// composed is the image that Compose returns.
type composed struct {
	format           Format
	manifest, config []byte
	layers           []v1.Layer
	byDigest         map[v1.Hash]v1.Layer
}

// retyped is a layer with the media type that its manifest states.
type retyped struct {
	v1.Layer
	descriptor v1.Descriptor
}

func (r *retyped) MediaType() (types.MediaType, error) { return r.descriptor.MediaType, nil }
func (r *retyped) Descriptor() (*v1.Descriptor, error) { return r.descriptor.DeepCopy(), nil }

var _ v1.Image = (*composed)(nil)

func (c *composed) Layers() ([]v1.Layer, error)         { return slices.Clone(c.layers), nil }
func (c *composed) MediaType() (types.MediaType, error) { return c.format.Manifest(), nil }
func (c *composed) Size() (int64, error)                { return int64(len(c.manifest)), nil }
func (c *composed) RawConfigFile() ([]byte, error)      { return slices.Clone(c.config), nil }
func (c *composed) RawManifest() ([]byte, error)        { return slices.Clone(c.manifest), nil }
func (c *composed) ConfigName() (v1.Hash, error)        { return partial.ConfigName(c) }
func (c *composed) ConfigFile() (*v1.ConfigFile, error) { return partial.ConfigFile(c) }
func (c *composed) Digest() (v1.Hash, error)            { return partial.Digest(c) }
func (c *composed) Manifest() (*v1.Manifest, error)     { return partial.Manifest(c) }

// LayerByDigest returns a layer, or the config, by the digest of its blob.
func (c *composed) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	if l := c.byDigest[h]; l != nil {
		return l, nil
	}
	if name, err := c.ConfigName(); err == nil && name == h {
		return partial.ConfigLayer(c)
	}
	return nil, fmt.Errorf("the image has no layer %s", h)
}

func (c *composed) LayerByDiffID(h v1.Hash) (v1.Layer, error) {
	d, err := partial.DiffIDToBlob(c, h)
	if err != nil {
		return nil, err
	}
	return c.LayerByDigest(d)
}
