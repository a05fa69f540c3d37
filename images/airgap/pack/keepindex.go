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

// A keptIndex is an index that is kept in an archive unchanged, though the archive has only
// one of its images. A node, or a mirror to which the archive is pushed, then finds the
// image by the digest of the index, which charts pin.
//
// The archive also has the manifests of the other entries, without their layers, because
// containerd reads them during an import: those of all platforms that the node could run,
// such as arm/v7 beside arm64 (platforms.Only), and those of entries without a platform,
// for which it needs the config, too.
type keptIndex struct {
	descriptor v1.Descriptor
	// blobs are the index, the indexes nested in it, and the manifests of their entries.
	blobs []indexBlob
	// seen are the entries that were added or found to be missing.
	seen map[v1.Hash]bool
}

type indexBlob struct {
	digest v1.Hash
	raw    []byte
	// images are the digests that an index lists.
	images []v1.Hash
}

// keepIndex returns an index for keeping. The index must list the image.
func keepIndex(ctx context.Context, index v1.ImageIndex, image v1.Hash) (*keptIndex, error) {
	kept := &keptIndex{seen: map[v1.Hash]bool{}}
	found, err := kept.add(ctx, index, image, 0)
	if err != nil {
		return nil, fmt.Errorf("reading its index: %w", err)
	}
	if !found {
		return nil, fmt.Errorf("its index does not list the image %s", image)
	}
	kept.descriptor.Digest, kept.descriptor.Size = kept.blobs[0].digest, int64(len(kept.blobs[0].raw))
	kept.descriptor.MediaType, err = index.MediaType()
	return kept, err
}

// add adds an index and its entries except for the image. It reports whether it found the
// image.
func (k *keptIndex) add(ctx context.Context, index v1.ImageIndex, image v1.Hash, depth int) (found bool, err error) {
	if depth == format.MaxNesting {
		return false, fmt.Errorf("indexes are nested more than %d deep", format.MaxNesting)
	}
	raw, err := index.RawManifest()
	if err != nil {
		return false, err
	}
	manifest, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return false, err
	}
	at := len(k.blobs)
	if err := k.addBlob(raw); err != nil {
		return false, err
	}
	for _, d := range manifest.Manifests {
		if !d.MediaType.IsIndex() && !images.IsAttestation(d) {
			k.blobs[at].images = append(k.blobs[at].images, d.Digest)
		}
		if d.Digest == image {
			found = true
			continue
		}
		if k.seen[d.Digest] {
			continue
		}
		k.seen[d.Digest] = true
		inside, err := k.addEntry(ctx, index, d, image, depth)
		if errors.Is(err, fs.ErrNotExist) {
			// Layouts and archives may lack entries of an index, and registries lose some.
			progress.Warn(ctx, fmt.Sprintf("index %s: %v; an import that reads this manifest fails", k.blobs[0].digest, err))
		} else if err != nil {
			return false, err
		}
		found = found || inside
	}
	return found, nil
}

// addEntry adds an entry of an index that is not the image.
func (k *keptIndex) addEntry(ctx context.Context, index v1.ImageIndex, d v1.Descriptor, image v1.Hash, depth int) (found bool, err error) {
	switch {
	case d.MediaType.IsIndex():
		nested, err := index.ImageIndex(d.Digest)
		if err != nil {
			return false, err
		}
		return k.add(ctx, nested, image, depth+1)
	case !d.MediaType.IsImage():
		return false, nil // containerd does not read it
	}
	other, err := index.Image(d.Digest)
	if err != nil {
		return false, err
	}
	raw, err := other.RawManifest()
	if err == nil {
		err = k.addBlob(raw)
	}
	if err != nil || d.Platform != nil {
		return false, err
	}
	if raw, err = other.RawConfigFile(); err != nil {
		return false, err
	}
	return false, k.addBlob(raw)
}

func (k *keptIndex) addBlob(raw []byte) error {
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	k.blobs = append(k.blobs, indexBlob{digest: digest, raw: raw})
	return err
}

// lists reports whether the index lists an image for which wanted returns true.
func (k *keptIndex) lists(wanted func(v1.Hash) bool) bool {
	return slices.ContainsFunc(k.blobs, func(b indexBlob) bool { return slices.ContainsFunc(b.images, wanted) })
}

// warnPins warns about images that were requested by a digest that is not in the archive.
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
	progress.Warn(ctx, which+": nodes and mirrors cannot find the digest; pack with original layers")
}

// has reports whether a digest is that of the image, or of an index that is kept with it.
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
