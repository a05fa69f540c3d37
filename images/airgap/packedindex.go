package airgap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
)

// A PackedIndex is an index of an archive, byte for byte. Some of its images may not be in
// the archive: an archive for a single platform may keep the whole index so that the index is
// found by its digest (k3s, k0s, Pack with original layers).
type PackedIndex struct {
	// Names are fully qualified; an index inside another one has none.
	Names      []string
	Descriptor v1.Descriptor

	raw      []byte
	manifest *v1.IndexManifest
	entries  map[v1.Hash]bool // all of them, whether the archive has them or not
	nested   []*PackedIndex
	byDigest map[v1.Hash]*PackedIndex // nested
	// images are the images of this index and of nested ones that are in the archive.
	images []*PackedImage
	// others are the entries without layers: the archive has only the manifest, or the
	// manifest and the config.
	others map[v1.Hash]*otherEntry
}

// An otherEntry is the part of an image that an archive has: its manifest, and its config or
// nil.
type otherEntry struct{ manifest, config []byte }

// RawManifest returns the index as it is in the archive.
func (x *PackedIndex) RawManifest() []byte { return x.raw }

// Nested returns the indexes that are entries of this one.
func (x *PackedIndex) Nested() []*PackedIndex { return x.nested }

// An IndexEntry is a manifest that an index lists and the archive has, with its config, or nil. The archive may lack its
// layers. Nodes read the manifests of other platforms to learn for what they are.
type IndexEntry struct {
	Descriptor       v1.Descriptor
	Manifest, Config []byte
}

// Entries returns the manifests of the index that the archive has, without those of nested indexes.
func (x *PackedIndex) Entries() []IndexEntry {
	whole := map[v1.Hash]*PackedImage{}
	for _, img := range x.images {
		whole[img.Manifest.Digest] = img
	}
	var list []IndexEntry
	for _, d := range x.manifest.Manifests {
		if other := x.others[d.Digest]; other != nil {
			list = append(list, IndexEntry{d, other.manifest, other.config})
		} else if img := whole[d.Digest]; img != nil {
			list = append(list, IndexEntry{d, img.rawManifest, img.rawConfig})
		}
	}
	return list
}

// Lists reports whether the image is an entry of the index, or of a nested index in the
// archive.
func (x *PackedIndex) Lists(image v1.Hash) bool {
	return x.entries[image] ||
		slices.ContainsFunc(x.nested, func(n *PackedIndex) bool { return n.Lists(image) })
}

// Complete reports whether have is true for all images of the index. Attestations do not
// count.
func (x *PackedIndex) Complete(have func(v1.Hash) bool) bool {
	for _, d := range x.manifest.Manifests {
		switch nested := x.byDigest[d.Digest]; {
		case nested != nil:
			if !nested.Complete(have) {
				return false
			}
		case !images.IsAttestation(d) && !have(d.Digest):
			return false
		}
	}
	return true
}

// Index returns the index with its bytes unchanged. Its IndexManifest lists only the images
// in of and the nested indexes, so that it can be pushed without the other images.
func (x *PackedIndex) Index(of map[v1.Hash]v1.Image) v1.ImageIndex {
	return &partialIndex{x, of}
}

// partialIndex is an index with some of its images.
type partialIndex struct {
	*PackedIndex
	of map[v1.Hash]v1.Image
}

var _ v1.ImageIndex = (*partialIndex)(nil)

func (p *partialIndex) MediaType() (types.MediaType, error) { return p.Descriptor.MediaType, nil }
func (p *partialIndex) Digest() (v1.Hash, error)            { return p.Descriptor.Digest, nil }
func (p *partialIndex) Size() (int64, error)                { return p.Descriptor.Size, nil }
func (p *partialIndex) RawManifest() ([]byte, error)        { return p.raw, nil }

func (p *partialIndex) IndexManifest() (*v1.IndexManifest, error) {
	m := p.manifest.DeepCopy()
	m.Manifests = slices.DeleteFunc(m.Manifests, func(d v1.Descriptor) bool {
		return p.of[d.Digest] == nil && p.byDigest[d.Digest] == nil
	})
	return m, nil
}

func (p *partialIndex) Image(h v1.Hash) (v1.Image, error) {
	if image := p.of[h]; image != nil {
		return image, nil
	}
	if other := p.others[h]; other != nil {
		return partial.CompressedToImage(other)
	}
	for _, img := range p.images {
		if img.Manifest.Digest == h {
			return partial.CompressedToImage(&otherEntry{img.rawManifest, img.rawConfig})
		}
	}
	return nil, fmt.Errorf("index %s: image %s is not in the archive: %w", p.Descriptor.Digest, h, fs.ErrNotExist)
}

func (p *partialIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	if n := p.byDigest[h]; n != nil {
		return n.Index(p.of), nil
	}
	return nil, fmt.Errorf("index %s: index %s is not in the archive: %w", p.Descriptor.Digest, h, fs.ErrNotExist)
}

func (o *otherEntry) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (o *otherEntry) RawManifest() ([]byte, error)        { return o.manifest, nil }

func (o *otherEntry) RawConfigFile() ([]byte, error) {
	if o.config == nil {
		return nil, fmt.Errorf("its config is not in the archive: %w", fs.ErrNotExist)
	}
	return o.config, nil
}

func (o *otherEntry) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	return nil, fmt.Errorf("layer %s is not in the archive: %w", h, fs.ErrNotExist)
}

// An ociReader reads the images that index.json names, each once.
type ociReader struct {
	archive   *Archive
	list      []*PackedImage
	images    map[v1.Hash]*PackedImage
	artifacts map[v1.Hash]*Artifact
	order     []v1.Hash // of artifacts
	indexes   map[v1.Hash]*PackedIndex
	configs   map[v1.Hash]*config
	others    map[v1.Hash]*otherEntry // nil for what is read as an image
	// names are the names of the entry of index.json that is being read.
	names []string
	// listed are the indexes that were added to PackedImage.Indexes of their images.
	listed map[*PackedIndex]bool
	naming *naming
}

// add reads the image or index of an entry of index.json. Attestations are skipped.
func (r *ociReader) add(ctx context.Context, d v1.Descriptor, names []string) error {
	if images.IsAttestation(d) {
		return nil
	}
	r.names = names
	var of []*PackedImage
	if d.MediaType.IsIndex() {
		index, err := r.index(ctx, d, 0)
		if err != nil {
			return err
		}
		if len(index.images) == 0 {
			// An archive has at least one image of an index. The error lists the files that are
			// missing.
			for _, entry := range index.manifest.Manifests {
				if index.others[entry.Digest] == nil {
					continue
				}
				if _, err := r.entry(ctx, index, entry, 0); err != nil {
					return err
				}
			}
		}
		if err := r.naming.add(index, &index.Names, names...); err != nil {
			return err
		}
		of = index.images
		if !r.listed[index] {
			r.listed[index] = true
			for _, img := range of {
				img.Indexes = append(img.Indexes, index)
			}
		}
	} else {
		img, err := r.image(ctx, d, false)
		if img == nil {
			return err
		}
		of = append(of, img)
	}
	for _, img := range of {
		err := r.naming.add(img, &img.Names, names...)
		if tag := d.Annotations[images.RefNameAnnotation]; err == nil && tag != "" && len(names) == 0 {
			err = r.naming.add(&img.Tags, &img.Tags, tag)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// image reads a manifest and its config. inside reports that it is an entry of an index. An
// artifact is recorded, and image returns nil.
func (r *ociReader) image(ctx context.Context, d v1.Descriptor, inside bool) (*PackedImage, error) {
	if artifact := r.artifacts[d.Digest]; artifact != nil {
		if artifact.Inside == inside {
			return nil, r.naming.add(artifact, &artifact.Names, r.names...)
		}
		return nil, nil
	}
	if img := r.images[d.Digest]; img != nil {
		return img, nil
	}
	img, err := r.read(ctx, d)
	if artifact := (*images.ArtifactError)(nil); errors.As(err, &artifact) {
		noted := &Artifact{Digest: d.Digest, Inside: inside, Type: artifact}
		r.artifacts[d.Digest] = noted
		r.order = append(r.order, d.Digest)
		return nil, r.naming.add(noted, &noted.Names, r.names...)
	}
	if err != nil {
		return nil, err
	}
	r.images[d.Digest] = img
	r.list = append(r.list, img)
	return img, nil
}

// blob reads a small blob, which must have its digest.
func (r *ociReader) blob(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	raw, err := r.archive.readJSON(ctx, format.BlobName(d.Digest))
	if err == nil {
		err = r.naming.json(int64(len(raw)))
	}
	if err != nil {
		return nil, err
	}
	got, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if got != d.Digest {
		return nil, r.archive.wrap(fmt.Errorf("blob %s is damaged: its bytes have the digest %s", d.Digest, got))
	}
	return raw, nil
}

// read reads an image.
func (r *ociReader) read(ctx context.Context, d v1.Descriptor) (*PackedImage, error) {
	raw, err := r.blob(ctx, d)
	if err != nil {
		return nil, err
	}
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, r.archive.wrap(fmt.Errorf("manifest %s: %w", d.Digest, err))
	}
	if err := images.CheckImage(m); err != nil {
		return nil, err
	}
	img := &PackedImage{ID: m.Config.Digest, archive: r.archive, rawManifest: raw,
		Manifest: v1.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: int64(len(raw))}}
	config := r.configs[m.Config.Digest]
	if config == nil {
		raw, err := r.blob(ctx, m.Config)
		if err == nil {
			config, err = r.archive.parseConfig(m.Config.Digest, raw)
		}
		if err != nil {
			return nil, err
		}
		r.configs[m.Config.Digest] = config
	}
	for _, l := range m.Layers {
		img.Layers = append(img.Layers, PackedLayer{Descriptor: l, file: format.BlobName(l.Digest)})
	}
	if err := img.setConfig(config); err != nil {
		return nil, err
	}
	if d.Platform != nil {
		if p, _, err := images.EntryPlatform(*d.Platform, img.Platform); err == nil {
			img.Platform = p
		}
	}
	return img, nil
}

// index reads an index and its nested indexes, once.
func (r *ociReader) index(ctx context.Context, d v1.Descriptor, depth int) (*PackedIndex, error) {
	if index := r.indexes[d.Digest]; index != nil {
		return index, nil
	}
	if depth == format.MaxNesting {
		return nil, r.archive.wrap(fmt.Errorf("index %s is nested %d deep", d.Digest, depth))
	}
	raw, err := r.blob(ctx, d)
	if err != nil {
		return nil, err
	}
	manifest, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, r.archive.wrap(fmt.Errorf("index %s: %w", d.Digest, err))
	}
	index := &PackedIndex{raw: raw, manifest: manifest, others: map[v1.Hash]*otherEntry{}, entries: map[v1.Hash]bool{}, byDigest: map[v1.Hash]*PackedIndex{},
		Descriptor: v1.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: int64(len(raw))}}
	seen, read := map[*PackedImage]bool{}, map[v1.Hash]bool{}
	for _, entry := range manifest.Manifests {
		index.entries[entry.Digest] = true
		if read[entry.Digest] {
			continue
		}
		read[entry.Digest] = true
		// One platform's archive may have the whole index.
		if _, err := r.archive.lookup(ctx, format.BlobName(entry.Digest)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if !entry.MediaType.IsIndex() {
			other, known := r.others[entry.Digest]
			if !known {
				if other, err = r.other(ctx, entry); err != nil {
					return nil, err
				}
				r.others[entry.Digest] = other
			}
			if other != nil {
				index.others[entry.Digest] = other
				continue
			}
		}
		found, err := r.entry(ctx, index, entry, depth)
		if err != nil {
			return nil, err
		}
		if err := r.naming.relations(len(found)); err != nil {
			return nil, err
		}
		for _, img := range found {
			if !seen[img] {
				seen[img] = true
				index.images = append(index.images, img)
			}
		}
	}
	r.indexes[d.Digest] = index
	return index, nil
}

// other returns an entry of an index that the archive has without its config, or without any
// of its layers. For other entries it returns nil.
func (r *ociReader) other(ctx context.Context, d v1.Descriptor) (*otherEntry, error) {
	raw, err := r.blob(ctx, d)
	if err != nil {
		return nil, err
	}
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, nil // the caller reads it as an image, whose error says more
	}
	has := func(h v1.Hash) (bool, error) {
		_, err := r.archive.lookup(ctx, format.BlobName(h))
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	hasConfig, err := has(m.Config.Digest)
	if err != nil {
		return nil, err
	}
	if !hasConfig {
		return &otherEntry{manifest: raw}, nil
	}
	for _, l := range m.Layers {
		if there, err := has(l.Digest); there || err != nil {
			return nil, err
		}
	}
	if len(m.Layers) == 0 {
		return nil, nil
	}
	config, err := r.blob(ctx, m.Config)
	return &otherEntry{raw, config}, err
}

// entry returns the image of an entry of an index, or the images of a nested index.
func (r *ociReader) entry(ctx context.Context, index *PackedIndex, d v1.Descriptor, depth int) ([]*PackedImage, error) {
	if images.IsAttestation(d) {
		return nil, nil
	}
	if !d.MediaType.IsIndex() {
		img, err := r.image(ctx, d, true)
		if img == nil {
			return nil, err
		}
		return []*PackedImage{img}, err
	}
	nested, err := r.index(ctx, d, depth+1)
	if err != nil {
		return nil, err
	}
	if index.byDigest[d.Digest] == nil {
		index.nested = append(index.nested, nested)
		index.byDigest[d.Digest] = nested
	}
	return nested.images, nil
}
