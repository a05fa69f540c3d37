package images

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

type otherMethods = interface {
	MediaType() (types.MediaType, error)
	Digest() (v1.Hash, error)
	Size() (int64, error)
	RawManifest() ([]byte, error)
}

// mirrors is an index of four levels of indexes, each of which lists all indexes of the next level
// three times. It counts how often an index is opened.
type mirrors struct {
	otherMethods
	level  int
	width  int
	opened *int
}

func mirrorDigest(level, i int) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%064x", level*1000+i)}
}

func (m mirrors) IndexManifest() (*v1.IndexManifest, error) {
	manifest := &v1.IndexManifest{SchemaVersion: 2}
	for range 3 {
		for i := range m.width {
			d := v1.Descriptor{MediaType: types.OCIImageIndex, Digest: mirrorDigest(m.level, i)}
			if m.level == 3 {
				d.MediaType = types.OCIManifestSchema1
			}
			manifest.Manifests = append(manifest.Manifests, d)
		}
	}
	return manifest, nil
}

func (m mirrors) ImageIndex(v1.Hash) (v1.ImageIndex, error) {
	*m.opened++
	return mirrors{level: m.level + 1, width: m.width, opened: m.opened}, nil
}

func (m mirrors) Image(v1.Hash) (v1.Image, error) {
	*m.opened++
	return nil, fs.ErrNotExist
}

// If indexes list one another repeatedly, each is opened only once.
func TestIndexesAreLookedIntoOnce(t *testing.T) {
	const width = 30
	for what, walk := range map[string]func(v1.ImageIndex) error{
		"choosing": func(index v1.ImageIndex) error {
			_, err := ImageFor(index, v1.Platform{OS: "linux", Architecture: "amd64"})
			return err
		},
		"artifacts": func(index v1.ImageIndex) error { _, err := Artifacts(index, false); return err },
		"making": func(index v1.ImageIndex) error {
			_, err := NewIndex([]IndexEntry{{Name: "a", Index: index}}, nil)
			return err
		},
	} {
		opened := 0
		err := walk(mirrors{width: width, opened: &opened})
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want an error about a missing image", what, err)
		}
		if most := 5 * 4 * width; opened > most {
			t.Errorf("%s opened %d indexes and images, want at most %d", what, opened, most)
		}
	}
}
