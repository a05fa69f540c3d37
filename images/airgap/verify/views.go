package verify

import (
	"maps"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/attest/proof"
)

// sameViews compares manifest.json with index.json: containerd reads the latter, all other
// readers the former.
func (c *imageCheck) sameViews(docker, oci []*viewed) {
	type key struct{ name, id string }
	index := func(list []*viewed) map[key]*viewed {
		found := map[key]*viewed{}
		for _, v := range slices.Backward(list) {
			for _, n := range v.names {
				found[key{n, v.config.digest}] = v
			}
		}
		return found
	}
	inDocker, inOCI := index(docker), index(oci)
	for _, v := range oci {
		for _, n := range v.names {
			if inDocker[key{n, v.config.digest}] == nil {
				c.problem("index.json has %s as %s with the ID sha256:%s, manifest.json does not, so that RKE2 and Docker before 25 do not see it",
					n, images.FormatPlatform(v.platform), v.config.digest)
			}
		}
	}
	for _, v := range docker {
		for _, n := range v.names {
			other := inOCI[key{n, v.config.digest}]
			if other == nil {
				c.problem("manifest.json has %s as %s with the ID sha256:%s, index.json does not, so that containerd does not see it",
					n, images.FormatPlatform(v.platform), v.config.digest)
				continue
			}
			if !slices.EqualFunc(v.layers, other.layers, func(a, b *content) bool { return a.digest == b.digest }) {
				c.problem("image %s has other layers in manifest.json than in index.json", n)
			}
		}
	}
}

// once reports names that several images of a view have.
func (c *imageCheck) once(view string, list []*viewed) {
	type key struct{ name, id string }
	byName, seen := map[string][]*viewed{}, map[key]bool{}
	for _, v := range list {
		for _, n := range v.names {
			if k := (key{n, v.config.digest}); !seen[k] {
				seen[k] = true
				byName[n] = append(byName[n], v)
			}
		}
	}
	for _, n := range slices.Sorted(maps.Keys(byName)) {
		if len(byName[n]) > 1 {
			var platforms []string
			for _, v := range byName[n] {
				platforms = append(platforms, images.FormatPlatform(v.platform))
			}
			c.problem("%s has %d images called %s (%s), and readers differ in which one they use", view, len(platforms), n, strings.Join(platforms, ", "))
		}
	}
}

// platforms checks the platforms of images. That in index.json takes precedence.
func (c *imageCheck) platforms(docker, oci []*viewed, want *v1.Platform) {
	said := map[string]v1.Platform{}
	for _, v := range oci {
		said[v.config.digest] = v.platform
	}
	var judged []format.NamedImage
	seen := map[string]bool{}
	for _, v := range slices.Concat(docker, oci) {
		if p, ok := said[v.config.digest]; ok {
			v.platform = p
		}
		if seen[v.config.digest] {
			continue
		}
		seen[v.config.digest] = true
		judged = append(judged, format.NamedImage{Name: v.String(), Platform: v.platform})
		if want != nil {
			if _, err := images.SelectPlatform(*want, []v1.Platform{v.platform}); err != nil {
				c.problem("image %s is not for %s", v, images.FormatPlatform(*want))
			}
		}
	}
	for _, err := range format.CheckPlatforms(judged) {
		c.problem("%v", err)
	}
}

// order checks the order of files: views, then configs and manifests, then layers. Archives in
// another order can be read, but slowly.
func (c *imageCheck) order(all []*viewed, ours bool) {
	rank := map[*content]int{}
	for _, v := range all {
		for _, l := range v.layers {
			rank[l] = 3
		}
	}
	for _, v := range all {
		rank[v.config] = 2
		if v.manifest != nil {
			rank[v.manifest] = 2
		}
	}
	for _, name := range []string{format.ManifestJSON, format.OCILayout, format.IndexJSON} {
		if f := c.contents.get(name); f != nil {
			rank[f] = 1
		}
	}
	var before *content
	for _, f := range c.contents.files {
		if rank[f] == 0 {
			continue
		}
		if before != nil && rank[f] < rank[before] {
			say := c.note
			if ours {
				say = c.problem
			}
			say("file %s comes after %s: nodes that look for an image read everything in between; the views should come first, then configs and manifests, then layers", f.Name, before.Name)
			return
		}
		before = f
	}
}

// maxSuggestions is the number of missing images for which similar names are searched. A search
// compares with all names.
const maxSuggestions = 10

// list checks that the images of a list are in the archive.
func (c *imageCheck) list(all []*viewed, want []images.ListEntry) {
	have := map[string]bool{}
	for _, v := range all {
		for _, n := range v.names {
			have[n] = true
		}
	}
	names, suggested := slices.Sorted(maps.Keys(have)), 0
	for _, e := range want {
		tag, err := format.Tag(e.Ref)
		if err != nil {
			c.problem("%s:%d: %v", e.File, e.Line, err)
			continue
		}
		n := images.Qualified(tag)
		if have[n] {
			continue
		}
		say := ""
		if suggested++; suggested <= maxSuggestions {
			if near := format.Similar(n, names); len(near) > 0 {
				say = "; it has " + strings.Join(near, ", ")
			}
		}
		c.problem("%s:%d: image %s is missing%s", e.File, e.Line, images.Familiar(tag), say)
	}
}

// duplicates reports names of several files with different content. Files that no image needs
// do not matter.
func (c *imageCheck) duplicates() {
	for _, f := range c.contents.files {
		switch first := c.contents.byName[f.Name]; {
		case !c.contents.differs(f):
		case c.used[first]:
			c.problem("%v", format.DuplicateError(f.Name))
		default:
			c.note("duplicate file %q with different content, which is not part of any image", f.Name)
		}
	}
}

// strays counts the files that no image needs. Files that only old versions of
// Docker read do not count.
func (c *imageCheck) strays() {
	var strays tally
	for _, f := range c.contents.files {
		if proof.In(f.Name) {
			continue // no image has it
		}
		if c.used[f] || f.Size == 0 || f.link != "" || f.Name == "repositories" || slices.Contains([]string{"VERSION", "json"}, path.Base(f.Name)) ||
			c.contents.byName[f.Name] != f {
			continue
		}
		strays.add(f.Name, f.Size)
	}
	if strays.count > 0 {
		c.note("not part of any image: %s", strays)
	}
}
