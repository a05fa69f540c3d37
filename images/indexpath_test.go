package images_test

import (
	"fmt"
	"io/fs"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
)

// A whole is an index.
type whole = v1.ImageIndex

// A lossyIndex does not have one of its nested indexes. It counts reads of the others.
type lossyIndex struct {
	whole
	missing v1.Hash
	reads   int
}

func (x *lossyIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	if h == x.missing {
		return nil, fmt.Errorf("index %s: %w", h, fs.ErrNotExist)
	}
	x.reads++
	return x.whole.ImageIndex(h)
}

func TestIndexPathPassesOverMissingIndexes(t *testing.T) {
	image := imagetest.Image(t, "linux/amd64")
	missing, inner := imagetest.Index(t, imagetest.Image(t, "linux/arm64")), imagetest.Index(t, image)
	other := mutate.IndexAddendum{Add: imagetest.Index(t, imagetest.Image(t, "linux/s390x"))}
	hash := func(d interface{ Digest() (v1.Hash, error) }) v1.Hash {
		h, err := d.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	outer := &lossyIndex{missing: hash(missing), whole: mutate.AppendManifests(imagetest.Index(t),
		append(slices.Repeat([]mutate.IndexAddendum{other}, 100), mutate.IndexAddendum{Add: missing}, mutate.IndexAddendum{Add: inner})...)}
	path, err := images.IndexPath(outer, hash(image))
	if err != nil || len(path) != 2 || hash(path[0]) != hash(outer) || hash(path[1]) != hash(inner) {
		t.Errorf("%v, %v", path, err)
	}
	if outer.reads != 2 {
		t.Errorf("%d reads of two indexes", outer.reads)
	}
	if path, err := images.IndexPath(outer, hash(missing)); err != nil || len(path) != 1 {
		t.Errorf("the index that lists a manifest: %v, %v", path, err)
	}
}
