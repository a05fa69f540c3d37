package registry

import (
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/store"
)

// Image returns the image of the manifest. Its config and layers are fetched on first use, with the
// context of Resolve. It is an error if the manifest is not that of an image.
func (m *Manifest) Image() (v1.Image, error) {
	if t := m.Descriptor.MediaType; t.IsIndex() {
		return nil, fmt.Errorf("%s is an index of several images, not an image", m.label)
	} else if t.IsSchema1() {
		return nil, fmt.Errorf("%s is an image of schema 1, which runtimes no longer support: rebuild it", m.label)
	}
	stored, err := m.client.store.Image(m.Descriptor.Digest)
	if err != nil {
		return nil, err
	}
	manifest, err := stored.Manifest()
	if err != nil {
		return nil, err
	}
	for _, d := range slices.Concat(manifest.Layers, []v1.Descriptor{manifest.Config}) {
		if !isForeign(d) {
			m.client.settled(m.repo, d.Digest)
		}
	}
	return &image{Image: stored, source: m, manifest: manifest, batch: &batch{name: "pull " + m.label}}, nil
}

// Index returns the index of the manifest. Its images are resolved on first use, with the context
// of Resolve.
func (m *Manifest) Index() (v1.ImageIndex, error) {
	if !m.Descriptor.MediaType.IsIndex() {
		return nil, fmt.Errorf("%s is not an index: its media type is %s", m.label, m.Descriptor.MediaType)
	}
	stored, err := m.client.store.Index(m.Descriptor.Digest)
	if err != nil {
		return nil, err
	}
	manifest, err := stored.IndexManifest()
	if err != nil {
		return nil, err
	}
	return &index{storedIndex: stored, source: m, manifest: manifest}, nil
}

// image is an image of a store whose blobs are fetched on first use.
type image struct {
	v1.Image // of the store
	source   *Manifest
	manifest *v1.Manifest
	batch    *batch
}

// fetchConfig makes sure that the store has the config. Configs are too small to show as progress.
func (i *image) fetchConfig() error {
	d := i.manifest.Config
	if int64(len(d.Data)) == d.Size && d.Size > 0 {
		return nil
	}
	return i.source.client.fetch(i.source.ctx, i.source, d, nil)
}

func (i *image) RawConfigFile() ([]byte, error) { return withConfig(i, i.Image.RawConfigFile) }

func (i *image) ConfigFile() (*v1.ConfigFile, error) { return withConfig(i, i.Image.ConfigFile) }

// withConfig calls read, which reads the config from the store. A damaged config is fetched again.
func withConfig[T any](i *image, read func() (T, error)) (value T, err error) {
	err = store.Mend(i.source.ctx, func() error {
		if err := i.fetchConfig(); err != nil {
			return err
		}
		value, err = read()
		return err
	})
	return value, err
}

// Layers returns the layers of the manifest, base first. It fetches the config, which contains
// their diff IDs.
func (i *image) Layers() ([]v1.Layer, error) {
	read := i.Image.Layers
	if i.manifest.Config.MediaType.IsConfig() {
		read = func() ([]v1.Layer, error) { return withConfig(i, i.Image.Layers) }
	}
	stored, err := read()
	if err != nil {
		return nil, err
	}
	layers := make([]v1.Layer, len(stored))
	for n, l := range stored {
		if layers[n], err = i.layer(l, i.manifest.Layers[n]); err != nil {
			return nil, err
		}
	}
	return layers, nil
}

func (i *image) layer(l v1.Layer, d v1.Descriptor) (v1.Layer, error) {
	file, ok := l.(store.FileLayer)
	if !ok {
		return nil, fmt.Errorf("layer %s of the store is not a file but a %T", d.Digest, l)
	}
	return &layer{FileLayer: file, image: i, desc: d}, nil
}

func (i *image) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	if h == i.manifest.Config.Digest {
		if err := i.fetchConfig(); err != nil {
			return nil, err
		}
		return i.Image.LayerByDigest(h)
	}
	return i.find(h, v1.Layer.Digest)
}

func (i *image) LayerByDiffID(h v1.Hash) (v1.Layer, error) { return i.find(h, v1.Layer.DiffID) }

func (i *image) find(h v1.Hash, by func(v1.Layer) (v1.Hash, error)) (v1.Layer, error) {
	layers, err := i.Layers()
	if err != nil {
		return nil, err
	}
	n := slices.IndexFunc(layers, func(l v1.Layer) bool {
		has, err := by(l)
		return err == nil && has == h
	})
	if n < 0 {
		return nil, fmt.Errorf("image %s has no layer %s", i.source.label, h)
	}
	return layers[n], nil
}

// complete reports whether the store has all fetchable content of the image.
func (i *image) complete() bool {
	layers, err := i.Layers()
	if err != nil {
		return false
	}
	for _, l := range layers {
		if l, ok := l.(*layer); ok {
			if _, err := l.FileLayer.Path(i.source.ctx); err != nil {
				return false
			}
		}
	}
	return true
}

// storedIndex is an alias, so that v1.ImageIndex can be embedded next to a method called
// ImageIndex.
type storedIndex = v1.ImageIndex

// index is an index of a store whose images come from a registry.
type index struct {
	storedIndex
	source   *Manifest
	manifest *v1.IndexManifest
}

func (i *index) entry(h v1.Hash) (v1.Descriptor, error) {
	for _, d := range i.manifest.Manifests {
		if d.Digest == h {
			return d, nil
		}
	}
	return v1.Descriptor{}, fmt.Errorf("index %s has no entry %s", i.source.label, h)
}

func (i *index) child(h v1.Hash) (*Manifest, error) {
	d, err := i.entry(h)
	if err != nil {
		return nil, err
	}
	return i.source.child(d)
}

func (i *index) Image(h v1.Hash) (v1.Image, error) {
	m, err := i.child(h)
	if err != nil {
		return nil, err
	}
	return m.Image()
}

func (i *index) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	m, err := i.child(h)
	if err != nil {
		return nil, err
	}
	return m.Index()
}

// Layer returns an entry that is neither an image nor an index. Registries treat every entry of an
// index as a manifest.
func (i *index) Layer(h v1.Hash) (v1.Layer, error) {
	if _, err := i.child(h); err != nil {
		return nil, err
	}
	with, ok := i.storedIndex.(interface {
		Layer(v1.Hash) (v1.Layer, error)
	})
	if !ok {
		return nil, fmt.Errorf("index %s of the store has only images", i.source.label)
	}
	return with.Layer(h)
}

var (
	_ v1.Image      = (*image)(nil)
	_ v1.ImageIndex = (*index)(nil)
)
