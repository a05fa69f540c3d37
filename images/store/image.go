package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// maxJSON limits the size of a manifest, config or index, in bytes. It is twice the limit of
// containerd.
const maxJSON = 40 << 20

// ReadBlob reads and verifies a small blob. A blob larger than limit bytes is an error.
func (s *Store) ReadBlob(h v1.Hash, limit int64) ([]byte, error) { return s.readBlob(h, -1, limit) }

// readBlob is ReadBlob for a blob of known size, or -1.
func (s *Store) readBlob(h v1.Hash, size, limit int64) ([]byte, error) {
	f, err := s.Open(h)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if size < 0 {
		size = info.Size()
	}
	if size > limit {
		// A manifest with appended bytes is damaged rather than large.
		if _, err := io.Copy(io.Discard, s.verified(f, v1.Descriptor{Digest: h, Size: size})); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("reading %s: not a manifest or config: %d bytes are more than the limit of %d", s.Path(h), size, limit)
	}
	return io.ReadAll(s.verified(f, v1.Descriptor{Digest: h, Size: size}))
}

// Image returns the image whose manifest has the digest h. Its layers are files; a missing one is
// an error when it is read.
func (s *Store) Image(h v1.Hash) (v1.Image, error) {
	raw, err := s.ReadBlob(h, maxJSON)
	if err != nil {
		return nil, fmt.Errorf("reading image %s: %w", h, err)
	}
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("reading image %s in %s: %w", h, s.files.Dir, err)
	}
	if m.MediaType.IsIndex() {
		return nil, fmt.Errorf("reading image %s in %s: it is an index, not an image", h, s.files.Dir)
	}
	if m.Config.Digest == (v1.Hash{}) {
		return nil, fmt.Errorf("reading image %s in %s: not an image manifest: missing config", h, s.files.Dir)
	}
	return &image{store: s, digest: h, raw: raw, manifest: m}, nil
}

func (s *Store) readConfig(d v1.Descriptor) ([]byte, error) {
	raw, err := s.readBlob(d.Digest, d.Size, maxJSON)
	// The empty config of an artifact may be only in its descriptor (image-spec/manifest.md,
	// "Guidance for an Empty Descriptor").
	if errors.Is(err, fs.ErrNotExist) && int64(len(d.Data)) == d.Size && d.Size > 0 {
		return io.ReadAll(verify(bytes.NewReader(d.Data), d))
	}
	if err != nil {
		return nil, fmt.Errorf("reading config: %w", err)
	}
	return raw, nil
}

// image is an image of a store.
type image struct {
	store    *Store
	digest   v1.Hash
	raw      []byte
	manifest *v1.Manifest

	mu     sync.Mutex
	config []byte // set after it was read; a failure is not cached, since it may be mended
}

var _ v1.Image = (*image)(nil)

func (i *image) Digest() (v1.Hash, error)        { return i.digest, nil }
func (i *image) Size() (int64, error)            { return int64(len(i.raw)), nil }
func (i *image) RawManifest() ([]byte, error)    { return i.raw, nil }
func (i *image) Manifest() (*v1.Manifest, error) { return i.manifest.DeepCopy(), nil }
func (i *image) ConfigName() (v1.Hash, error)    { return i.manifest.Config.Digest, nil }

// RawConfigFile reads the config once.
func (i *image) RawConfigFile() (raw []byte, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.config == nil {
		i.config, err = i.store.readConfig(i.manifest.Config)
	}
	return i.config, err
}

// MediaType returns the media type in the manifest; old OCI manifests have none.
func (i *image) MediaType() (types.MediaType, error) {
	if i.manifest.MediaType == "" {
		return types.OCIManifestSchema1, nil
	}
	return i.manifest.MediaType, nil
}

func (i *image) ConfigFile() (*v1.ConfigFile, error) {
	raw, err := i.RawConfigFile()
	if err != nil {
		return nil, err
	}
	c, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("reading config %s of image %s: %w", i.manifest.Config.Digest, i.digest, err)
	}
	return c, nil
}

// Layers returns the layers of the manifest, base first.
func (i *image) Layers() ([]v1.Layer, error) {
	diffIDs, err := i.diffIDs()
	if err != nil {
		return nil, err
	}
	layers := make([]v1.Layer, len(i.manifest.Layers))
	for n, d := range i.manifest.Layers {
		l := &layer{store: i.store, desc: d}
		if diffIDs != nil {
			l.diffID = diffIDs[n]
		}
		layers[n] = l
	}
	return layers, nil
}

// diffIDs returns the diff IDs in the config, one for each layer, or nil if the config is that of
// an artifact.
func (i *image) diffIDs() ([]v1.Hash, error) {
	if !i.manifest.Config.MediaType.IsConfig() {
		return nil, nil
	}
	c, err := i.ConfigFile()
	if err != nil {
		return nil, err
	}
	ids := c.RootFS.DiffIDs
	switch len(ids) {
	case len(i.manifest.Layers):
		return ids, nil
	case 0:
		// Attestations have the media types of images, but a config without a root file system.
		return nil, nil
	}
	return nil, fmt.Errorf("image %s has %d layers, but its config has %d diff IDs", i.digest, len(i.manifest.Layers), len(ids))
}

func (i *image) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	if h == i.manifest.Config.Digest {
		return &layer{store: i.store, desc: i.manifest.Config, diffID: h}, nil
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
		return nil, fmt.Errorf("image %s has no layer %s", i.digest, h)
	}
	return layers[n], nil
}

// Index returns the index whose digest is h. Its images may be missing.
func (s *Store) Index(h v1.Hash) (v1.ImageIndex, error) {
	raw, err := s.ReadBlob(h, maxJSON)
	if err != nil {
		return nil, fmt.Errorf("reading index %s: %w", h, err)
	}
	m, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("reading index %s in %s: %w", h, s.files.Dir, err)
	}
	if m.MediaType.IsImage() {
		return nil, fmt.Errorf("reading index %s in %s: it is an image, not an index", h, s.files.Dir)
	}
	return &index{store: s, digest: h, raw: raw, manifest: m}, nil
}

type index struct {
	store    *Store
	digest   v1.Hash
	raw      []byte
	manifest *v1.IndexManifest
}

var _ v1.ImageIndex = (*index)(nil)

func (i *index) Digest() (v1.Hash, error)                    { return i.digest, nil }
func (i *index) Size() (int64, error)                        { return int64(len(i.raw)), nil }
func (i *index) RawManifest() ([]byte, error)                { return i.raw, nil }
func (i *index) IndexManifest() (*v1.IndexManifest, error)   { return i.manifest.DeepCopy(), nil }
func (i *index) Image(h v1.Hash) (v1.Image, error)           { return i.store.Image(h) }
func (i *index) ImageIndex(h v1.Hash) (v1.ImageIndex, error) { return i.store.Index(h) }

// MediaType returns the media type in the index; old OCI indexes have none.
func (i *index) MediaType() (types.MediaType, error) {
	if i.manifest.MediaType == "" {
		return types.OCIImageIndex, nil
	}
	return i.manifest.MediaType, nil
}

// Layer returns a blob in the index that is neither an image nor an index.
func (i *index) Layer(h v1.Hash) (v1.Layer, error) {
	for _, d := range i.manifest.Manifests {
		if d.Digest == h {
			return &layer{store: i.store, desc: d, diffID: h}, nil
		}
	}
	return nil, fmt.Errorf("index %s has no entry %s", i.digest, h)
}
