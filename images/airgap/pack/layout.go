package pack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack/frame"
)

// A resolvedImage is an image of the archive to write.
type resolvedImage struct {
	tags []name.Tag
	// indexes are the kept indexes by full tag. Such a tag names the index, and not the manifest.
	indexes  map[string]*keptIndex
	own      bool
	platform v1.Platform
	config   v1.Descriptor
	manifest v1.Descriptor
	// rawConfig and rawManifest are the bytes that config and manifest describe.
	rawConfig, rawManifest []byte
	layers                 []frame.Layer
	// diffIDs and origins are set if the archive carries a proof.
	diffIDs []v1.Hash
	origins []origin
}

// A layout describes an archive before it is written.
type layout struct {
	// views are manifest.json, oci-layout and index.json, and the folders of blobs. syft and grype
	// need the folders: they do not make any themselves when they unpack an archive.
	views []frame.File
	// blobs are the configs, manifests and indexes, each once, in the order of images.
	blobs []frame.File
	// runs are the layers, each once, as package arrange orders them. In .tar.zst, a run becomes a
	// frame.
	runs [][]frame.Layer
	// proof are the files of the proof, in groups that become a frame each. They come last, so that they do not delay
	// finding the first image.
	proof [][]frame.File
	// images are the images of the archive, in order.
	images []resolvedImage
}

// newLayout moves own images to the front, and merges equal images with several names.
func newLayout(all []resolvedImage) (*layout, error) {
	merged, err := merge(all)
	if err != nil {
		return nil, err
	}
	judged := make([]format.NamedImage, len(merged))
	for i, img := range merged {
		judged[i] = format.NamedImage{Name: images.Familiar(img.tags[0]), Platform: img.platform}
	}
	if err := errors.Join(format.CheckPlatforms(judged)...); err != nil {
		return nil, err
	}
	l := &layout{images: merged}
	seen := map[v1.Hash]bool{}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	entries := []format.ManifestEntry{}
	for _, img := range merged {
		entry := format.ManifestEntry{Config: format.BlobFolder + img.config.Digest.Hex, RepoTags: []string{}, Layers: []string{}}
		for _, tag := range img.tags {
			entry.RepoTags = append(entry.RepoTags, images.Familiar(tag))
			index.Manifests = append(index.Manifests, indexEntry(img, tag))
		}
		addBlob := func(d v1.Descriptor, content []byte) {
			if !seen[d.Digest] {
				seen[d.Digest] = true
				l.blobs = append(l.blobs, frame.File{Name: format.BlobFolder + d.Digest.Hex, Content: content})
			}
		}
		addBlob(img.config, img.rawConfig)
		addBlob(img.manifest, img.rawManifest)
		for _, tag := range img.tags {
			if kept := img.indexes[tag.Name()]; kept != nil {
				for _, b := range kept.blobs {
					addBlob(v1.Descriptor{Digest: b.digest}, b.raw)
				}
			}
		}
		for _, lay := range img.layers {
			entry.Layers = append(entry.Layers, lay.Name())
		}
		entries = append(entries, entry)
	}
	for _, view := range []struct {
		name  string
		value any
	}{
		{format.ManifestJSON, entries},
		{format.OCILayout, map[string]string{"imageLayoutVersion": "1.0.0"}},
		{format.IndexJSON, index},
	} {
		raw, err := json.Marshal(view.value)
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", view.name, err)
		}
		l.views = append(l.views, frame.File{Name: view.name, Content: raw})
	}
	l.views = append(l.views, frame.File{Name: "blobs/"}, frame.File{Name: format.BlobFolder})
	for _, f := range slices.Concat(l.views, l.blobs) {
		if len(f.Content) > format.JSONLimit {
			return nil, fmt.Errorf("%s would be %d bytes; containerd reads no more than %d", f.Name, len(f.Content), format.JSONLimit)
		}
	}
	return l, nil
}

// indexEntry returns the entry of index.json for one name of img. Its annotations have the same content as
// manifest.json, because containerd reads index.json and all other readers read manifest.json.
func indexEntry(img resolvedImage, tag name.Tag) v1.Descriptor {
	d := img.manifest
	if kept := img.indexes[tag.Name()]; kept != nil {
		d = kept.descriptor
	} else {
		platform := img.platform
		d.Platform = &platform
	}
	d.Annotations = map[string]string{
		images.ContainerdNameAnnotation: images.Qualified(tag),
		images.RefNameAnnotation:        tag.TagStr(),
	}
	return d
}

// merge moves own images to the front, and merges images with the same manifest. Two different images with one name are
// an error.
func merge(all []resolvedImage) ([]resolvedImage, error) {
	ordered := slices.Clone(all)
	slices.SortStableFunc(ordered, func(a, b resolvedImage) int {
		switch {
		case a.own == b.own:
			return 0
		case a.own:
			return -1
		}
		return 1
	})
	var (
		merged []resolvedImage
		byID   = map[v1.Hash]int{}
		owner  = map[string]resolvedImage{}
		errs   []error
	)
	for _, img := range ordered {
		var fresh []name.Tag
		for _, tag := range img.tags {
			other, taken := owner[tag.Name()]
			switch {
			case !taken:
				owner[tag.Name()] = img
				fresh = append(fresh, tag)
			case other.manifest.Digest != img.manifest.Digest:
				errs = append(errs, fmt.Errorf("two images are called %s: %s (%s) and %s (%s); readers differ in which one they use: put them into separate archives",
					images.Familiar(tag), other.config.Digest, images.FormatPlatform(other.platform), img.config.Digest, images.FormatPlatform(img.platform)))
			}
		}
		img.origins = slices.Clone(img.origins)
		for i := range img.origins {
			img.origins[i].tags = fresh
		}
		i, known := byID[img.manifest.Digest]
		if known {
			for _, o := range img.origins {
				merged[i].addOrigin(o)
			}
		}
		if len(fresh) == 0 {
			continue
		}
		if known {
			merged[i].tags = append(merged[i].tags, fresh...)
			for name, kept := range img.indexes {
				if merged[i].indexes == nil {
					merged[i].indexes = map[string]*keptIndex{}
				}
				merged[i].indexes[name] = kept
			}
			continue
		}
		byID[img.manifest.Digest] = len(merged)
		img.tags = fresh
		merged = append(merged, img)
	}
	dropAmbiguous(merged, byID)
	return merged, errors.Join(errs...)
}

// isPlain reports whether m has the media types of OCI, with uncompressed layers, as rewrite makes them.
func isPlain(m *v1.Manifest, mediaType types.MediaType) bool {
	return mediaType == types.OCIManifestSchema1 && m.Config.MediaType == types.OCIConfigJSON &&
		!slices.ContainsFunc(m.Layers, func(d v1.Descriptor) bool { return d.MediaType != types.OCIUncompressedLayer })
}

// dropAmbiguous removes indexes that list another image of the archive, too. Both images would have their name.
func dropAmbiguous(merged []resolvedImage, byID map[v1.Hash]int) {
	for _, img := range merged {
		maps.DeleteFunc(img.indexes, func(_ string, kept *keptIndex) bool {
			return kept.lists(func(h v1.Hash) bool { i, ok := byID[h]; return ok && merged[i].manifest.Digest != img.manifest.Digest })
		})
	}
}

// rewrite makes the manifest of an image with uncompressed layers, in the media types of OCI, because skopeo does not
// find others in an OCI layout. The config, and therefore the image ID, does not change. Annotations of layers are
// omitted, because they describe the compressed bytes, such as those of lazy pullers. Foreign layers become ordinary
// ones.
func rewrite(m *v1.Manifest, layers []frame.Layer) ([]byte, v1.Descriptor, error) {
	m = m.DeepCopy()
	m.MediaType, m.Config.MediaType = types.OCIManifestSchema1, types.OCIConfigJSON
	m.Layers = make([]v1.Descriptor, len(layers))
	for i, l := range layers {
		m.Layers[i] = v1.Descriptor{MediaType: types.OCIUncompressedLayer, Size: l.Size, Digest: l.Digest}
	}
	rewritten, err := json.Marshal(m)
	if err != nil {
		return nil, v1.Descriptor{}, fmt.Errorf("writing its manifest: %w", err)
	}
	digest, size, err := v1.SHA256(bytes.NewReader(rewritten))
	if err != nil {
		return nil, v1.Descriptor{}, err
	}
	return rewritten, v1.Descriptor{MediaType: m.MediaType, Size: size, Digest: digest}, nil
}

// apart returns a run for each layer.
func apart(runs [][]frame.Layer) [][]frame.Layer {
	var out [][]frame.Layer
	for _, l := range slices.Concat(runs...) {
		out = append(out, []frame.Layer{l})
	}
	return out
}

// unique returns the layers of all images, each once, in the order of images.
func unique(all []resolvedImage) []frame.Layer {
	var out []frame.Layer
	seen := map[v1.Hash]bool{}
	for _, img := range all {
		for _, l := range img.layers {
			if !seen[l.Digest] {
				seen[l.Digest] = true
				out = append(out, l)
			}
		}
	}
	return out
}
