package verify

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
)

// checkFiles reports the problems of files that do not depend on their use.
func (r *Report) checkFiles(c *contents) {
	var again, spelled tally
	for _, f := range c.files {
		if c.byName[f.Name] != f && f.typeflag != tar.TypeDir && !c.differs(f) {
			again.add(f.Name, f.Size)
		}
		err := format.CheckName(f.rawName)
		switch {
		case err != nil:
			r.problem("%v", err)
		case f.rawName != f.Name && f.typeflag != tar.TypeDir:
			spelled.add(f.rawName, f.Size)
		}
		if err := format.CheckType(f.Name, f.typeflag); err != nil {
			r.problem("%v", err)
		}
		if f.typeflag != tar.TypeReg {
			continue
		}
		if f.damaged() {
			r.problem("file %s is damaged: its bytes have the digest sha256:%s", f.Name, f.digest)
		}
		if f.diffErr != nil {
			r.problem("file %s cannot be decompressed: %v", f.Name, f.diffErr)
		}
	}
	if again.count > 0 {
		r.note("in the archive more than once, with the same content: %s", again)
	}
	if spelled.count > 0 {
		r.note("named with / or ./ in front, which docker load reads and RKE2 does not: %s", spelled)
	}
	if c.tail > 0 {
		r.problem("%v", format.TailError(c.tail))
	}
	if c.noEnd {
		r.problem("%v", format.ErrNoEnd)
	}
}

// A tally counts files of one kind, and has the name of the first.
type tally struct {
	count int
	size  int64
	first string
}

func (t *tally) add(name string, size int64) {
	if t.count == 0 {
		t.first = name
	}
	t.count++
	t.size += size
}

func (t tally) String() string {
	if t.count == 1 {
		return fmt.Sprintf("file %s of %d bytes", t.first, t.size)
	}
	return fmt.Sprintf("%d files of %d bytes, such as %s", t.count, t.size, t.first)
}

// A viewed image is an image as described by one of the views.
type viewed struct {
	names    []string // qualified
	config   *content
	manifest *content // nil in manifest.json
	layers   []*content
	platform v1.Platform
}

func (v *viewed) String() string {
	s := "without a name"
	if len(v.names) > 0 {
		s = v.names[0]
	}
	if v.platform.OS != "" {
		s += " (" + images.FormatPlatform(v.platform) + ")"
	}
	return s
}

// An imageCheck goes through the views of an archive.
type imageCheck struct {
	*Report
	contents *contents
	// used are the files that are part of an image or of an artifact.
	used map[*content]bool
	// said are the problems that were reported for one view and are not repeated for the other one.
	said map[string]bool
	// foreignTypes counts the images of index.json with manifests in Docker's media types.
	foreignTypes tally
	// partial has the names of indexes some of whose images are missing.
	partial []string
	// images, indexes, configs and partly cache the results of reading files. images has nil for
	// artifacts and for images that are not complete.
	images  map[*content]*viewed
	indexes map[*content]*v1.IndexManifest
	configs map[*content]*v1.ConfigFile
	partly  map[*content]bool
	// budget limits what the views of a hostile archive cost; exhausted is set once it was exceeded.
	budget    format.Budget
	exhausted bool
}

// within reports whether budget is left. When it is first exceeded, within reports a problem.
func (c *imageCheck) within(err error) bool {
	if err != nil && !c.exhausted {
		c.exhausted = true
		c.problem("%v", err)
	}
	return !c.exhausted
}

// first reports whether a problem has not been reported yet.
func (c *imageCheck) first(kind string, args ...any) bool {
	key := fmt.Sprint(append([]any{kind}, args...)...)
	before := c.said[key]
	c.said[key] = true
	return !before
}

func (r *Report) checkImages(ctx context.Context, c *contents, ours bool, o Options) {
	check := &imageCheck{Report: r, contents: c, used: map[*content]bool{}, said: map[string]bool{},
		images: map[*content]*viewed{}, indexes: map[*content]*v1.IndexManifest{}, configs: map[*content]*v1.ConfigFile{}, partly: map[*content]bool{}}
	before := len(r.Problems)
	docker, hasDocker := check.docker()
	oci, hasOCI := check.oci()
	readable := len(r.Problems) == before
	switch {
	case !hasDocker && !hasOCI:
		r.problem("not an archive of images: it has neither manifest.json nor oci-layout and index.json")
		return
	case !hasDocker:
		r.problem("it has no manifest.json, without which RKE2 and Docker before 25 find nothing in it")
	case !hasOCI:
		r.note("it has no oci-layout and index.json; containerd reads manifest.json instead")
	case readable: // else the views differ for a reason that was reported
		check.sameViews(docker, oci)
	}
	check.platforms(docker, oci, o.Platform)
	if len(check.partial) > 0 {
		r.note("%d names, such as %s, are indexes with manifests that are not in the archive; containerd refuses it if the node could run their images too, such as arm/v7 beside arm64",
			len(check.partial), check.partial[0])
	}
	check.once("manifest.json", docker)
	check.once("index.json", oci)
	all := slices.Concat(docker, oci)
	check.order(all, ours)
	check.list(all, o.List)
	check.duplicates()
	check.strays()
	r.checkProof(ctx, c, all, o)
	ids, layers := map[string]bool{}, map[string]bool{}
	for _, v := range all {
		ids[v.config.digest] = true
		for _, l := range v.layers {
			layers[l.digest] = true
		}
	}
	r.Images, r.Layers = len(ids), len(layers)
}

// file returns a file that a view, a manifest or a config refers to, and reports one that is
// missing.
func (c *imageCheck) file(name, what string) *content {
	f := c.contents.get(name)
	if f == nil {
		if c.first("missing", name) {
			c.problem("file %s is missing; %s names it", name, what)
		}
		return nil
	}
	c.used[f] = true
	return f
}

// json returns a JSON file as file does.
func (c *imageCheck) json(name, what string) *content {
	f := c.file(name, what)
	if f == nil {
		return nil
	}
	if f.Size > format.JSONLimit {
		if !c.first("large", f.Name) {
			return nil
		}
		c.problem("file %s has %d bytes; containerd reads at most %d of JSON", f.Name, f.Size, format.JSONLimit)
		return nil
	}
	if f.json == nil {
		if !c.first("json", f.Name) {
			return nil
		}
		c.problem("file %s is not JSON; %s names it", f.Name, what)
		return nil
	}
	return f
}

// decode reads a JSON file.
func (c *imageCheck) decode(f *content, into any) bool {
	if err := json.Unmarshal(f.json, into); err != nil {
		c.problem("file %s: %v", f.Name, err)
		return false
	}
	return true
}

// docker reads manifest.json.
func (c *imageCheck) docker() (list []*viewed, ok bool) {
	if c.contents.get(format.ManifestJSON) == nil {
		return nil, false
	}
	f := c.json(format.ManifestJSON, "every reader")
	var entries []struct {
		format.ManifestEntry
		LayerSources map[string]v1.Descriptor
	}
	if f == nil || !c.decode(f, &entries) {
		return nil, true
	}
	for i, e := range entries {
		what := fmt.Sprintf("image %d of manifest.json", i+1)
		v := &viewed{}
		for _, tag := range e.RepoTags {
			v.names = append(v.names, c.tagged(tag, what)...)
		}
		if len(e.RepoTags) == 0 {
			c.note("%s has no name", what)
		} else {
			what = "image " + e.RepoTags[0] + " of manifest.json"
		}
		c.layerSources(e.LayerSources, what)
		v.config = c.json(e.Config, what)
		for _, l := range e.Layers {
			v.layers = append(v.layers, c.file(l, what))
		}
		if !c.image(v, what) {
			continue
		}
		judged := make([]format.NamedLayer, len(v.layers))
		for j, l := range v.layers {
			judged[j] = format.NamedLayer{Name: l.Name, Compression: l.compression}
		}
		for _, err := range format.CheckLayers(judged) {
			c.problem("%s: %v", what, err)
		}
		list = append(list, v)
	}
	return list, true
}

// tagged returns the qualified form of a name, which must have a tag.
func (c *imageCheck) tagged(s, what string) []string {
	if !images.HasTag(s) || strings.Contains(s, "@") {
		c.problem("%s is called %q, which is not a name with a tag", what, s)
		return nil
	}
	tag, err := images.ParseTag(s)
	if err != nil {
		c.problem("%s: %v", what, err)
		return nil
	}
	if note := format.NameWarning(tag); note != "" && c.first("name", tag.Name()) {
		c.note("image %s: %s", images.Familiar(tag), note)
	}
	return []string{images.Qualified(tag)}
}

// layerSources checks LayerSources, which Docker 25 adds: descriptors by diff ID.
// go-containerregistry, and therefore RKE2, treats a layer as foreign unless its descriptor says
// that it is uncompressed (go-containerregistry#1870).
func (c *imageCheck) layerSources(sources map[string]v1.Descriptor, what string) {
	for _, diffID := range slices.Sorted(maps.Keys(sources)) {
		if m := sources[diffID].MediaType; m != types.OCIUncompressedLayer && m != types.DockerUncompressedLayer {
			c.problem("%s has LayerSources with %s as a %s; RKE2 treats such a layer as foreign", what, diffID, m)
			return
		}
	}
	if len(sources) > 0 {
		c.note("%s has LayerSources, which no reader needs", what)
	}
}

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

// image compares layers with the config, and sets the platform. It reports whether the image is
// complete.
func (c *imageCheck) image(v *viewed, what string) bool {
	if v.config == nil || slices.Contains(v.layers, nil) {
		return false
	}
	config, known := c.configs[v.config]
	if !known {
		var err error
		if config, err = v1.ParseConfigFile(bytes.NewReader(v.config.json)); err != nil {
			c.problem("%s: config %s: %v", what, v.config.Name, err)
		} else {
			// The rest of a config is not needed, and may be large.
			config = &v1.ConfigFile{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant, OSVersion: config.OSVersion,
				OSFeatures: config.OSFeatures, RootFS: config.RootFS}
		}
		c.configs[v.config] = config
	}
	if config == nil {
		return false
	}
	v.platform = images.PlatformIn(config)
	if len(config.RootFS.DiffIDs) != len(v.layers) {
		c.problem("%s: config %s has %d diff IDs, and the image %d layers", what, v.config.Name, len(config.RootFS.DiffIDs), len(v.layers))
		return true
	}
	for i, l := range v.layers {
		want := config.RootFS.DiffIDs[i]
		if l.diffErr == nil && !l.damaged() && l.diffID != want.Hex && c.first("diff ID", l.Name, want) {
			c.problem("%s: layer %s has the diff ID sha256:%s, but the config has %s", what, l.Name, l.diffID, want)
		}
	}
	return true
}
