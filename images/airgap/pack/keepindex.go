package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/progress"
)

// A keptIndex is an index that lies in an archive as it is at the registry, though
// only one of its images does. A node, or a mirror that the archive is pushed to,
// then finds the image by the digest of the index, which is what charts pin.
type keptIndex struct {
	descriptor v1.Descriptor
	// blobs are the index, and the one inside it that has the image.
	blobs []indexBlob
}

type indexBlob struct {
	digest v1.Hash
	raw    []byte
	// images are the digests that it lists.
	images []v1.Hash
}

// keepIndex reads an index that has the image.
func keepIndex(index v1.ImageIndex, image v1.Hash) (*keptIndex, error) {
	blobs, err := indexPath(index, image, 0)
	if err != nil {
		return nil, fmt.Errorf("reading its index: %w", err)
	}
	if len(blobs) == 0 {
		return nil, fmt.Errorf("its index does not list the image %s", image)
	}
	kept := &keptIndex{blobs: blobs}
	kept.descriptor.Digest, kept.descriptor.Size = blobs[0].digest, int64(len(blobs[0].raw))
	kept.descriptor.MediaType, err = index.MediaType()
	return kept, err
}

// indexPath are the indexes, outermost first, by which an image is found; none if
// it is not there.
func indexPath(index v1.ImageIndex, image v1.Hash, depth int) ([]indexBlob, error) {
	if depth == format.MaxNesting {
		return nil, fmt.Errorf("indexes lie in one another more than %d deep", format.MaxNesting)
	}
	raw, err := index.RawManifest()
	if err != nil {
		return nil, err
	}
	manifest, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	blob := indexBlob{raw: raw}
	if blob.digest, _, err = v1.SHA256(bytes.NewReader(raw)); err != nil {
		return nil, err
	}
	found := false
	for _, d := range manifest.Manifests {
		if !d.MediaType.IsIndex() && !images.IsAttestation(d) {
			blob.images = append(blob.images, d.Digest)
			found = found || d.Digest == image
		}
	}
	if found {
		return []indexBlob{blob}, nil
	}
	for _, d := range manifest.Manifests {
		if !d.MediaType.IsIndex() {
			continue
		}
		nested, err := index.ImageIndex(d.Digest)
		if errors.Is(err, fs.ErrNotExist) {
			continue // layouts and archives need not have all of an index
		}
		if err != nil {
			return nil, err
		}
		if rest, err := indexPath(nested, image, depth+1); err != nil || len(rest) > 0 {
			return append([]indexBlob{blob}, rest...), err
		}
	}
	return nil, nil
}

// lists says whether the index has an image of which wanted is true.
func (k *keptIndex) lists(wanted func(v1.Hash) bool) bool {
	return slices.ContainsFunc(k.blobs, func(b indexBlob) bool { return slices.ContainsFunc(b.images, wanted) })
}

// warnPins says which images were asked for by a digest that the archive does not have.
func warnPins(ctx context.Context, all []Image, packed []resolvedImage) {
	var gone []string
	for i, img := range all {
		for _, ref := range img.Names {
			if digest, ok := ref.(name.Digest); ok && !packed[i].has(digest) {
				gone = append(gone, images.Familiar(ref))
			}
		}
	}
	if len(gone) == 0 {
		return
	}
	which := fmt.Sprintf("image %s is pinned by digest, and the archive has it under another", gone[0])
	if len(gone) > 1 {
		which = fmt.Sprintf("%d images are pinned by digest, such as %s, and the archive has them under other digests", len(gone), gone[0])
	}
	progress.Warn(ctx, which+": a node or mirror that asks for the digest does not find it; pack with original layers")
}

// has says whether the archive has a digest of the image, or of an index that it is
// found by.
func (img *resolvedImage) has(ref name.Digest) bool {
	if img.manifest.Digest.String() == ref.DigestStr() {
		return true
	}
	for _, kept := range img.indexes {
		if slices.ContainsFunc(kept.blobs, func(b indexBlob) bool { return b.digest.String() == ref.DigestStr() }) {
			return true
		}
	}
	return false
}
