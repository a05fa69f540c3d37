package convert

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// goreleaserBundles converts archives and packages.
func (c *Conversion) goreleaserBundles(g *goreleaserFile, lineOf func(string) int) {
	for i, a := range g.Archives {
		if i > 0 {
			c.leave(lineOf("archives"), "archives[]", "the first archive is converted: write a bundle for each further one")
			break
		}
		c.goreleaserArchive(a, lineOf("archives"))
	}
	for _, n := range g.Nfpms {
		c.goreleaserPackage(n, lineOf("nfpms"))
	}
}

func (c *Conversion) goreleaserArchive(a goreleaserArchive, line int) {
	b := draft.Bundle{}
	for _, format := range append(a.Formats, a.Format) {
		if slices.Contains([]string{"tar.gz", "tgz", "zip"}, format) {
			b.Formats = survey.AppendNew(b.Formats, format)
		} else if format != "" && format != "binary" {
			c.leave(line, "archives[].formats: "+format, "tar.gz, tgz and zip are supported")
		}
	}
	for _, f := range a.Files {
		source := f.Value
		if f.Kind == yaml.MappingNode {
			var file struct{ Src string }
			_ = f.Decode(&file) // not a mapping with src: an empty name is skipped
			source = file.Src
		}
		if source = c.value(f.Line, "archives[].files", source); source != "" && !strings.HasPrefix(source, "..") {
			b.Files = append(b.Files, draft.File{Source: path.Clean(source)})
		}
	}
	if a.Name != "" {
		if name := c.value(line, "archives[].name_template", a.Name); name != "" {
			c.Names["bundle"] = strings.ReplaceAll(name, "${PROJECT}", "${NAME}")
		}
	}
	c.Bundles = append(c.Bundles, b)
}

func (c *Conversion) goreleaserPackage(n goreleaserNfpm, line int) {
	b := draft.Bundle{Package: map[string]string{}, Lists: map[string][]string{}, Scripts: map[string]string{}, Linux: true}
	for _, format := range n.Formats {
		if slices.Contains([]string{"deb", "rpm", "apk", "archlinux"}, format) {
			b.Formats = append(b.Formats, format)
		} else {
			c.leave(line, "nfpms[].formats: "+format, "deb, rpm, apk and archlinux are supported")
		}
	}
	for key, value := range map[string]string{"maintainer": n.Maintainer, "description": strings.TrimSpace(n.Description), "homepage": n.Homepage, "license": n.License, "vendor": n.Vendor, "section": n.Section} {
		if value = c.value(line, "nfpms[]."+key, value); value != "" {
			b.Package[key] = value
		}
	}
	for key, list := range map[string][]string{"depends": n.Dependencies, "recommends": n.Recommends, "conflicts": n.Conflicts, "provides": n.Provides, "replaces": n.Replaces} {
		if len(list) > 0 {
			b.Lists[key] = list
		}
	}
	b.Bin = cmp.Or(strings.TrimSuffix(n.Bindir, "/"), "/usr/bin")
	for _, content := range n.Contents {
		f := draft.File{Path: content.Dst, Config: strings.HasPrefix(content.Type, "config")}
		switch content.Type {
		case "", "file", "tree", "config", "config|noreplace":
			f.Source = path.Clean(content.Src)
		case "dir", "symlink":
			f.Source, f.Type = content.Src, content.Type
		default:
			c.leave(line, "nfpms[].contents[].type: "+content.Type, "no counterpart")
			continue
		}
		b.Files = append(b.Files, f)
	}
	for when, script := range n.Scripts {
		b.Scripts[when] = path.Clean(script)
	}
	if len(b.Formats) > 0 {
		c.Bundles = append(c.Bundles, b)
	}
}

// goreleaserImages converts dockers and dockers_v2: one image of each Dockerfile.
func (c *Conversion) goreleaserImages(g *goreleaserFile, lineOf func(string) int) {
	imageOf := func(file string, names []string) *Image {
		file = path.Clean(file)
		if i := slices.IndexFunc(c.Images, func(i *Image) bool { return i.Variants[0].Dockerfile == file }); i >= 0 {
			return c.Images[i]
		}
		i := &Image{Staged: true, Image: draft.Image{Labels: map[string]string{}, Variants: []draft.Variant{{Dockerfile: file, Args: map[string]string{}}}}}
		for _, name := range names {
			if name := survey.WithoutTag(c.value(0, "image", beforeTemplateTag(name))); name != "" {
				i.Refs = append(i.Refs, name)
			}
		}
		c.Images = append(c.Images, i)
		return i
	}
	for _, d := range g.Dockers {
		goos, goarch := "linux", "amd64"
		if d.GOOS != "" {
			goos = d.GOOS
		}
		if d.GOARCH != "" {
			goarch = d.GOARCH
		}
		file := d.Dockerfile
		if file == "" {
			file = "Dockerfile"
		}
		i := imageOf(file, d.Images)
		i.Variants[0].Platforms = survey.AppendNew(i.Variants[0].Platforms, goos+"/"+goarch)
		i.Extra = survey.AppendNew(i.Extra, d.Extra...)
		for _, flag := range d.Flags {
			if value, ok := strings.CutPrefix(flag, "--build-arg="); ok {
				if name, value, ok := strings.Cut(value, "="); ok {
					i.Variants[0].Args[name] = c.value(lineOf("dockers"), "dockers[].build_flag_templates", value)
				}
			} else if value, ok := strings.CutPrefix(flag, "--label="); ok {
				if name, value, ok := strings.Cut(value, "="); ok {
					i.Labels[name] = c.value(lineOf("dockers"), "dockers[].build_flag_templates", value)
				}
			} else if !strings.HasPrefix(flag, "--platform") && flag != "--pull" {
				c.leave(lineOf("dockers"), "dockers[].build_flag_templates: "+flag, "no counterpart")
			}
		}
	}
	for _, d := range g.DockersV2 {
		file := d.Dockerfile
		if file == "" {
			file = "Dockerfile"
		}
		i := imageOf(file, d.Images)
		i.Variants[0].Platforms = survey.AppendNew(i.Variants[0].Platforms, orDefault(d.Platforms, "linux/amd64", "linux/arm64")...)
		i.Extra = survey.AppendNew(i.Extra, d.Extra...)
		for _, name := range slices.Sorted(maps.Keys(d.Args)) {
			i.Variants[0].Args[name] = c.value(lineOf("dockers_v2"), "dockers_v2[].build_args", d.Args[name])
		}
		for _, name := range slices.Sorted(maps.Keys(d.Labels)) {
			i.Labels[name] = c.value(lineOf("dockers_v2"), "dockers_v2[].labels", d.Labels[name])
		}
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
