package verify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
)

// oci reads index.json.
func (c *imageCheck) oci() (list []*viewed, ok bool) {
	if c.contents.get(format.OCILayout) == nil || c.contents.get(format.IndexJSON) == nil {
		return nil, false
	}
	layout := c.json(format.OCILayout, "containerd")
	var version struct {
		Version string `json:"imageLayoutVersion"`
	}
	if layout != nil && c.decode(layout, &version) && version.Version != "1.0.0" {
		c.problem("file %s: image layout version %q; only 1.0.0 is known", format.OCILayout, version.Version)
	}
	f := c.json(format.IndexJSON, "containerd")
	var idx v1.IndexManifest
	if f == nil || !c.decode(f, &idx) {
		return nil, true
	}
	for i, d := range idx.Manifests {
		list = c.descriptor(list, d, c.ociNames(d, i))
	}
	if n := c.foreignTypes; n.count > 0 {
		c.note("%d entries of index.json are manifests in Docker's media types, such as image %s; skopeo, podman and umoci find them by docker-archive:, not by oci-archive:",
			n.count, n.first)
	}
	return list, true
}

// ociNames returns the names of an entry of index.json.
func (c *imageCheck) ociNames(d v1.Descriptor, i int) []string {
	what := fmt.Sprintf("entry %d of index.json", i+1)
	full, short := d.Annotations[images.ContainerdNameAnnotation], d.Annotations[images.RefNameAnnotation]
	switch {
	case full != "":
		return c.tagged(full, what)
	case strings.ContainsAny(short, "/:"):
		return c.tagged(short, what)
	case short != "":
		c.note("%s is called %q, which is a tag and not a full name; containerd makes one up", what, short)
	default:
		c.note("%s has no name", what)
	}
	return nil
}

// index adds the images of an index. An archive for one platform may keep the whole index, so that
// the index is found by its digest, but must have at least one image of it.
func (c *imageCheck) index(list []*viewed, idx v1.IndexManifest, names []string, what string) []*viewed {
	list, n := c.children(list, idx, names, what, 0)
	switch {
	case n.there == 0 && n.elsewhere+n.missing > 0:
		for _, child := range idx.Manifests {
			if c.contents.get(format.BlobName(child.Digest)) != nil {
				c.descriptor(nil, child, names) // which says what is missing
			}
		}
		c.problem("%s is an index, of whose %d images none is in the archive", what, n.elsewhere+n.missing)
	case n.missing > 0:
		c.partial = append(c.partial, what)
	}
	return list
}

// An entryCount counts the entries of an index: complete ones, those with the manifest alone, and
// missing ones.
type entryCount struct{ there, elsewhere, missing int }

// children adds the images of an index.
func (c *imageCheck) children(list []*viewed, idx v1.IndexManifest, names []string, what string, depth int) (_ []*viewed, n entryCount) {
	for _, child := range idx.Manifests {
		if !c.within(c.budget.Relations(max(1, len(names)))) {
			return list, n
		}
		f := c.contents.get(format.BlobName(child.Digest))
		switch {
		case f == nil:
			if !images.IsAttestation(child) {
				n.missing++
			}
		case !child.MediaType.IsIndex() && c.elsewhere(f):
			n.elsewhere++
		case child.MediaType.IsIndex():
			if f = c.json(f.Name, what); f == nil {
				continue
			}
			c.size(f, child, what)
			if depth+1 == format.MaxNesting {
				c.problem("%s: index %s is nested %d deep", what, child.Digest, depth+1)
				continue
			}
			if nested := c.decodeIndex(f); nested != nil {
				var more entryCount
				list, more = c.children(list, *nested, names, what, depth+1)
				n = entryCount{n.there + more.there, n.elsewhere + more.elsewhere, n.missing + more.missing}
			}
		default:
			list = c.descriptor(list, child, names)
			n.there++
		}
	}
	return list, n
}

// decodeIndex reads an index. It returns nil if it is not valid.
func (c *imageCheck) decodeIndex(f *content) *v1.IndexManifest {
	idx, known := c.indexes[f]
	if !known {
		idx = &v1.IndexManifest{}
		if !c.decode(f, idx) {
			idx = nil
		}
		c.indexes[f] = idx
	}
	return idx
}

// elsewhere reports whether the archive has only the manifest, or the manifest and the config, of an
// entry of an index, as Pack keeps them.
func (c *imageCheck) elsewhere(f *content) bool {
	partly, known := c.partly[f]
	if !known {
		partly = c.isPartly(f)
		c.partly[f] = partly
	}
	return partly
}

func (c *imageCheck) isPartly(f *content) bool {
	var m v1.Manifest
	if json.Unmarshal(f.json, &m) != nil {
		return false
	}
	config := c.contents.get(format.BlobName(m.Config.Digest))
	has := func(d v1.Descriptor) bool { return c.contents.get(format.BlobName(d.Digest)) != nil }
	if config != nil && (len(m.Layers) == 0 || slices.ContainsFunc(m.Layers, has)) {
		return false
	}
	c.used[f] = true
	if config != nil {
		c.used[config] = true
	}
	return true
}

// descriptor adds the image of a descriptor, or the images of an index, each once.
func (c *imageCheck) descriptor(list []*viewed, d v1.Descriptor, names []string) []*viewed {
	what := fmt.Sprintf("entry %s of index.json", d.Digest)
	if len(names) > 0 {
		what = "image " + names[0] + " of index.json"
	}
	f := c.json(format.BlobName(d.Digest), what)
	if f == nil {
		return list
	}
	c.size(f, d, what)
	if d.MediaType.IsIndex() {
		if idx := c.decodeIndex(f); idx != nil {
			list = c.index(list, *idx, names, what)
		}
		return list
	}
	v, known := c.images[f]
	if !known {
		if v = c.manifest(f, d, what); v != nil {
			list = append(list, v)
		}
		c.images[f] = v
	}
	if v == nil {
		return list
	}
	v.names = append(v.names, names...)
	if d.MediaType == types.DockerManifestSchema2 {
		c.foreignTypes.add(v.String(), f.Size)
	}
	if d.Platform != nil {
		v.platform = c.entryPlatform(d, v.platform, what)
	}
	return list
}

// manifest reads an image. It returns nil for an artifact, and for an image that is not complete.
func (c *imageCheck) manifest(f *content, d v1.Descriptor, what string) *viewed {
	var m v1.Manifest
	if !c.decode(f, &m) {
		return nil
	}
	if images.IsAttestation(d) {
		c.note("%s has an attestation, which nodes do not need", what)
		c.artifact(m, what)
		return nil
	}
	if err := images.CheckImage(&m); err != nil {
		c.note("%s is %v", what, err)
		c.artifact(m, what)
		return nil
	}
	v := &viewed{manifest: f, config: c.json(format.BlobName(m.Config.Digest), what)}
	if v.config != nil {
		c.size(v.config, m.Config, what)
	}
	for _, l := range m.Layers {
		content := c.file(format.BlobName(l.Digest), what)
		v.layers = append(v.layers, content)
		if content != nil {
			c.size(content, l, what)
			c.mediaType(content, l, what)
		}
	}
	if !c.image(v, what) {
		return nil
	}
	return v
}

// artifact checks that all files of an artifact are in the archive.
func (c *imageCheck) artifact(m v1.Manifest, what string) {
	for _, blob := range append([]v1.Descriptor{m.Config}, m.Layers...) {
		// A small blob may be embedded in its descriptor.
		if content := c.contents.get(format.BlobName(blob.Digest)); content == nil && int64(len(blob.Data)) == blob.Size {
			continue
		}
		if content := c.file(format.BlobName(blob.Digest), what); content != nil {
			c.size(content, blob, what)
		}
	}
}

// entryPlatform returns the platform of an image. Both index.json and the config may state one;
// index.json takes precedence.
func (c *imageCheck) entryPlatform(d v1.Descriptor, stated v1.Platform, what string) v1.Platform {
	p, differs, err := images.EntryPlatform(*d.Platform, stated)
	switch {
	case err != nil:
		c.problem("%s: %s: %v", what, d.Digest, err)
		return stated
	case differs:
		c.note("%s: %s is for %s by index.json and for %s by its config; nodes use the index",
			what, d.Digest, images.FormatPlatform(*d.Platform), images.FormatPlatform(stated))
	}
	return p
}

// size compares a file with its descriptor.
func (c *imageCheck) size(f *content, d v1.Descriptor, what string) {
	if f.Size != d.Size {
		c.problem("%s: file %s has %d bytes, but its descriptor says %d", what, f.Name, f.Size, d.Size)
	}
}

// mediaType compares the media type in a descriptor with the content of the layer.
func (c *imageCheck) mediaType(f *content, d v1.Descriptor, what string) {
	note, err := format.CheckLayerType(f.Name, d.MediaType, f.compression)
	switch {
	case err != nil:
		c.problem("%s: %v", what, err)
	case note != "":
		c.note("%s: %s", what, note)
	}
}
