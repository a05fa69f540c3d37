package convert

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

type goreleaserDocker struct {
	Dockerfile, GOOS, GOARCH, GOARM string
	Images                          list `yaml:"image_templates"`
	Extra                           list `yaml:"extra_files"`
	Flags                           list `yaml:"build_flag_templates"`
}

type goreleaserDockerV2 struct {
	Dockerfile              string
	Images, Tags, Platforms list
	Extra                   list              `yaml:"extra_files"`
	Args                    map[string]string `yaml:"build_args"`
	Labels, Annotations     map[string]string
}

type goreleaserManifest struct {
	Name string `yaml:"name_template"`
}

type goreleaserKo struct {
	Build                   string
	Base                    string `yaml:"base_image"`
	Repository              string
	Repositories, Platforms list
	Tags                    list
	Labels                  map[string]string
}

// goreleaserImages converts dockers and dockers_v2: one image for each Dockerfile.
func (c *Conversion) goreleaserImages(g *goreleaserFile) {
	for _, d := range g.Dockers {
		arch := cmp.Or(d.value.GOARCH, "amd64")
		if arch == "arm" {
			arch += "/v" + cmp.Or(d.value.GOARM, "6")
		}
		i := c.dockerImage(d.line, "dockers[].image_templates", d.value.Dockerfile, d.value.Images)
		i.Variants[0].Platforms = survey.AppendNew(i.Variants[0].Platforms, cmp.Or(d.value.GOOS, "linux")+"/"+arch)
		i.Extra = survey.AppendNew(i.Extra, d.value.Extra...)
		for _, flag := range d.value.Flags {
			c.dockerFlag(d.line, i, flag)
		}
	}
	for _, m := range g.Manifests {
		c.goreleaserManifest(m)
	}
	for _, d := range g.DockersV2 {
		i := c.dockerImage(d.line, "dockers_v2[].images", d.value.Dockerfile, d.value.Images)
		i.Variants[0].Platforms = d.value.Platforms.or("linux/amd64", "linux/arm64")
		i.Extra = survey.AppendNew(i.Extra, d.value.Extra...)
		i.Tags = append(i.Tags, c.tags(d.line, "dockers_v2[].tags", d.value.Tags)...)
		c.translated(i.Variants[0].Args, d.line, "dockers_v2[].build_args", d.value.Args)
		c.translated(i.Labels, d.line, "dockers_v2[].labels", d.value.Labels)
		c.translated(i.Annotations, d.line, "dockers_v2[].annotations", d.value.Annotations)
	}
}

// translated translates the values of a mapping, and adds them to another.
func (c *Conversion) translated(into map[string]string, line int, key string, values map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if value := c.value(line, key+"."+name, values[name]); value != "" {
			into[name] = value
		}
	}
}

// tags translates tags. It omits the tag of the release, which every image has, and tags of single architectures, which
// the index replaces.
func (c *Conversion) tags(line int, key string, tags []string) []string {
	var all []string
	for _, tag := range c.values(line, key, tags) {
		if plain := strings.TrimPrefix(tag, "v"); plain != "" && plain != "${VERSION}" && plain != "${TAG}" && !architecture.MatchString(tag) {
			all = survey.AppendNew(all, tag)
		}
	}
	return all
}

// architecture matches the name of an architecture in a tag.
var architecture = regexp.MustCompile(`(?i)(^|[-_.])(amd64|x86_64|386|i386|arm64|arm|armv[5-8]|aarch64|ppc64le|s390x|riscv64|\$\{ARCH\})(v[5-8])?($|[-_.])`)

// dockerImage returns the image of a Dockerfile. If the Dockerfile has none yet, it adds one. Further registries become
// leftovers.
func (c *Conversion) dockerImage(line int, key, file string, names []string) *Image {
	file = path.Clean(cmp.Or(file, "Dockerfile"))
	n := slices.IndexFunc(c.Images, func(i *Image) bool { return i.Base == "" && i.Variants[0].Dockerfile == file })
	if n < 0 {
		n = len(c.Images)
		c.Images = append(c.Images, newImage(file))
		c.Images[n].Staged = true
	}
	c.references(line, key, c.Images[n], names)
	return c.Images[n]
}

func newImage(dockerfile string) *Image {
	return &Image{Image: draft.Image{
		Labels: map[string]string{}, Annotations: map[string]string{}, Contexts: map[string]string{},
		Variants: []draft.Variant{{Dockerfile: dockerfile, Args: map[string]string{}}},
	}}
}

// references sets the name of an image from the first reference, and its tags from all of them. References in other
// repositories become leftovers.
func (c *Conversion) references(line int, key string, i *Image, names []string) {
	for _, text := range names {
		text, tag := splitTag(text)
		ref := c.value(line, key, text)
		if ref == "" {
			continue
		}
		if len(i.Refs) == 0 {
			i.Refs = []string{ref}
		}
		if ref == i.Refs[0] {
			i.Tags = survey.AppendNew(i.Tags, c.tags(line, key, []string{tag})...)
		} else if !slices.Contains(c.elsewhere, ref) {
			c.elsewhere = append(c.elsewhere, ref)
			c.leave(line, key+": "+ref, "add its registry and repository to publish")
		}
	}
}

// splitTag splits a reference, which may contain actions, at its tag.
func splitTag(ref string) (name, tag string) {
	depth, colon := 0, -1
	for i, r := range ref {
		switch {
		case r == '{':
			depth++
		case r == '}':
			depth--
		case r == '/' && depth == 0:
			colon = -1
		case r == ':' && depth == 0:
			colon = i
		}
	}
	if colon < 0 {
		return ref, ""
	}
	return ref[:colon], ref[colon+1:]
}

// dockerFlag converts a flag of docker build.
func (c *Conversion) dockerFlag(line int, i *Image, flag string) {
	const key = "dockers[].build_flag_templates"
	name, text, _ := strings.Cut(flag, "=")
	assigned, text, isAssignment := strings.Cut(text, "=")
	switch {
	case name == "--platform" || name == "--pull":
	case name == "--target" && !isAssignment:
		i.Variants[0].Target = assigned
	case name == "--build-arg" && isAssignment:
		c.translated(i.Variants[0].Args, line, key, map[string]string{assigned: text})
	case name == "--label" && isAssignment:
		c.translated(i.Labels, line, key, map[string]string{assigned: text})
	default:
		c.leave(line, key+": "+flag, noCounterpart)
	}
}

// goreleaserManifest adds the tag of an index to the image whose platforms it joins.
func (c *Conversion) goreleaserManifest(m at[goreleaserManifest]) {
	const key = "docker_manifests[].name_template"
	text, tag := splitTag(m.value.Name)
	ref := c.value(m.line, key, text)
	if i := slices.IndexFunc(c.Images, func(i *Image) bool { return slices.Contains(i.Refs, ref) }); i >= 0 {
		c.Images[i].Tags = survey.AppendNew(c.Images[i].Tags, c.tags(m.line, key, []string{tag})...)
	} else if ref != "" && !slices.Contains(c.elsewhere, ref) {
		c.leave(m.line, key+": "+ref, "no image of dockers has this name")
	}
}

// goreleaserKo converts an image that ko makes from a binary.
func (c *Conversion) goreleaserKo(k at[goreleaserKo]) {
	b := c.builds[k.value.Build].binary
	if b == nil && len(c.Binaries) == 1 {
		b = c.Binaries[0]
	}
	if b == nil {
		c.leave(k.line, "kos[].build: "+k.value.Build, "no build has this id")
		return
	}
	i := c.koImage(b, k.value.Base, k.value.Platforms)
	i.Tags = c.tags(k.line, "kos[].tags", k.value.Tags)
	c.translated(i.Labels, k.line, "kos[].labels", k.value.Labels)
	for _, repository := range append(k.value.Repositories, k.value.Repository) {
		if repository != "" {
			c.references(k.line, "kos[].repositories", i, []string{repository})
		}
	}
}
