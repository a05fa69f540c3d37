package verify

import (
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
