package convert

import (
	"cmp"
	"maps"
	"path"
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

type goreleaserKo struct {
	Build                   string
	Base                    string `yaml:"base_image"`
	Repository              string
	Repositories, Platforms list
	Tags                    list
	Labels                  map[string]string
}

// goreleaserImages converts dockers and dockers_v2: one image of each Dockerfile.
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

// translated translates the values of a mapping into another.
func (c *Conversion) translated(into map[string]string, line int, key string, values map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if value := c.value(line, key+"."+name, values[name]); value != "" {
			into[name] = value
		}
	}
}

// tags translates tags, without that of the release, which every image has.
func (c *Conversion) tags(line int, key string, tags []string) []string {
	var all []string
	for _, tag := range c.values(line, key, tags) {
		if plain := strings.TrimPrefix(tag, "v"); plain != "${VERSION}" && plain != "${TAG}" {
			all = append(all, tag)
		}
	}
	return all
}

// dockerImage returns the image of a Dockerfile, which is new if it is the first that names it. Further registries are
// leftovers.
func (c *Conversion) dockerImage(line int, key, file string, names []string) *Image {
	file = path.Clean(cmp.Or(file, "Dockerfile"))
	if i := slices.IndexFunc(c.Images, func(i *Image) bool { return i.Base == "" && i.Variants[0].Dockerfile == file }); i >= 0 {
		return c.Images[i]
	}
	i := newImage(file)
	i.Staged = true
	c.references(line, key, i, names)
	c.Images = append(c.Images, i)
	return i
}

func newImage(dockerfile string) *Image {
	return &Image{Image: draft.Image{
		Labels: map[string]string{}, Annotations: map[string]string{}, Contexts: map[string]string{},
		Variants: []draft.Variant{{Dockerfile: dockerfile, Args: map[string]string{}}},
	}}
}

// references takes the first reference for the name of an image. Those in other repositories are left over.
func (c *Conversion) references(line int, key string, i *Image, names []string) {
	for _, name := range names {
		ref := survey.WithoutTag(c.value(line, key, beforeTemplateTag(name)))
		if ref == "" || slices.Contains(i.Refs, ref) {
			continue
		}
		if len(i.Refs) > 0 {
			c.leave(line, key+": "+ref, "add its registry and repository to publish")
			continue
		}
		i.Refs = append(i.Refs, ref)
	}
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

// beforeTemplateTag cuts a tag that is a template from a reference.
func beforeTemplateTag(ref string) string {
	if before, _, ok := strings.Cut(ref, ":{{"); ok {
		return before
	}
	if before, _, ok := strings.Cut(ref, ":v{{"); ok {
		return before
	}
	return ref
}

// goreleaserKo converts an image that ko makes of a binary.
func (c *Conversion) goreleaserKo(k at[goreleaserKo], ids map[string]*draft.Binary) {
	b := ids[k.value.Build]
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
	c.references(k.line, "kos[].repositories", i, append(k.value.Repositories, k.value.Repository))
}
