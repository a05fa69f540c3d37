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

type goreleaserArchive struct {
	Format    string
	Formats   list
	Overrides []struct {
		GOOS    string
		Format  string
		Formats list
	} `yaml:"format_overrides"`
	Name   string `yaml:"name_template"`
	IDs    list
	Builds list
	Files  []at[goreleaserArchived]
}

// A goreleaserArchived is a file of an archive: text, or a mapping with src and dst.
type goreleaserArchived struct {
	Src, Dst string
}

func (f *goreleaserArchived) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		f.Src = node.Value
		return nil
	}
	type mapping goreleaserArchived
	return node.Decode((*mapping)(f))
}

type goreleaserPackage struct {
	Name                                                        string `yaml:"package_name"`
	FileName                                                    string `yaml:"file_name_template"`
	Formats, IDs, Builds                                        list
	Maintainer, Description, Homepage, License, Vendor, Section string
	Dependencies, Recommends, Conflicts, Provides, Replaces     list
	Contents                                                    []at[struct{ Src, Dst, Type string }]
	Scripts                                                     map[string]string
	Bindir                                                      string
}

// The names that goreleaser gives to archives and packages.
const (
	goreleaserSuffix      = `{{ with .Arm }}v{{ . }}{{ end }}{{ with .Mips }}_{{ . }}{{ end }}{{ if not (eq .Amd64 "v1") }}{{ .Amd64 }}{{ end }}`
	goreleaserArchiveName = "{{ .ProjectName }}_{{ .Version }}_{{ .Os }}_{{ .Arch }}" + goreleaserSuffix
)

// goreleaserArchive adds the bundle of an archive.
func (c *Conversion) goreleaserArchive(a at[goreleaserArchive]) {
	const key = "archives[].formats"
	b := draft.Bundle{}
	platforms, ok := c.ofBuilds(a.line, "archives[].ids", append(a.value.IDs, a.value.Builds...), &b)
	if !ok {
		return
	}
	base := c.formats(a.line, key, append(a.value.Formats, a.value.Format), "tar.gz", "tgz", "zip")
	overridden := map[string][]string{}
	for _, o := range a.value.Overrides {
		if o.GOOS == "windows" || o.GOOS == "linux" {
			overridden[o.GOOS] = c.formats(a.line, key, append(o.Formats, o.Format), "tar.gz", "tgz", "zip")
		}
	}
	if slices.Contains(append(a.value.Formats, a.value.Format), "binary") && len(base) == 0 {
		return // the binaries are released
	}
	if len(base) == 0 {
		base = []string{"tar.gz"}
	}
	b.Formats = base
	if len(overridden) > 0 {
		b.Formats = nil
		for _, goos := range []string{"linux", "windows"} {
			if len(draft.OfSystem(platforms, goos)) == 0 {
				continue
			}
			for _, format := range list(overridden[goos]).or(base...) {
				b.FormatsOf = append(b.FormatsOf, draft.Conditional{Value: format, When: `${OS} == "` + goos + `"`})
			}
		}
	}
	for _, f := range a.value.Files {
		source := c.value(f.line, "archives[].files", f.value.Src)
		if source != "" && !strings.HasPrefix(source, "..") {
			b.Files = append(b.Files, draft.File{Source: path.Clean(source), Path: c.value(f.line, "archives[].files", f.value.Dst)})
		}
	}
	b.Names = c.names(a.line, "archives[].name_template", cmp.Or(a.value.Name, goreleaserArchiveName), platforms)
	c.Bundles = append(c.Bundles, b)
}

// ofBuilds restricts a bundle to builds, and returns its platforms. ok is false if all of them are for unsupported
// systems.
func (c *Conversion) ofBuilds(line int, key string, ids []string, b *draft.Bundle) (platforms []string, ok bool) {
	if len(ids) == 0 {
		return c.Platforms, true
	}
	for _, id := range ids {
		if build, ok := c.builds[id]; ok {
			platforms = survey.AppendNew(platforms, build.platforms...)
			if !slices.Contains(b.Binaries, build.binary) {
				b.Binaries = append(b.Binaries, build.binary)
			}
		}
	}
	if len(platforms) == 0 {
		c.leave(line, key+": "+strings.Join(ids, ", "), "these builds are not converted")
		return nil, false
	}
	if len(platforms) < len(c.Platforms) {
		b.Platforms = platforms
	}
	return platforms, true
}

// formats returns the formats that Slipway supports. Others become leftovers.
func (c *Conversion) formats(line int, key string, formats []string, supported ...string) []string {
	var all []string
	for _, format := range formats {
		if slices.Contains(supported, format) {
			all = survey.AppendNew(all, format)
		} else if format != "" && format != "binary" && format != "none" {
			c.leave(line, key+": "+format, strings.Join(supported, ", ")+" are supported")
		}
	}
	return all
}

func (c *Conversion) goreleaserPackage(n at[goreleaserPackage]) {
	p := n.value
	b := draft.Bundle{Package: map[string]string{}, Lists: map[string][]string{}, Scripts: map[string]string{}}
	if b.Formats = c.formats(n.line, "nfpms[].formats", p.Formats, "deb", "rpm", "apk", "archlinux"); len(b.Formats) == 0 {
		return
	}
	platforms, ok := c.ofBuilds(n.line, "nfpms[].ids", append(p.IDs, p.Builds...), &b)
	if platforms = draft.OfSystem(platforms, "linux"); !ok || len(platforms) == 0 {
		return
	}
	if b.Platforms = nil; len(platforms) < len(c.Platforms) {
		b.Platforms = platforms
	}
	b.Name = c.value(n.line, "nfpms[].package_name", p.Name)
	texts := map[string]string{"maintainer": p.Maintainer, "description": strings.TrimSpace(p.Description), "homepage": p.Homepage,
		"license": p.License, "vendor": p.Vendor, "section": p.Section}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		if value := c.value(n.line, "nfpms[]."+key, texts[key]); value != "" {
			b.Package[key] = value
		}
	}
	for key, names := range map[string]list{"depends": p.Dependencies, "recommends": p.Recommends, "conflicts": p.Conflicts, "provides": p.Provides, "replaces": p.Replaces} {
		if len(names) > 0 {
			b.Lists[key] = names
		}
	}
	b.Bin = cmp.Or(strings.TrimSuffix(p.Bindir, "/"), "/usr/bin")
	for _, content := range p.Contents {
		f := draft.File{Path: c.value(content.line, "nfpms[].contents", content.value.Dst), Config: strings.HasPrefix(content.value.Type, "config")}
		switch content.value.Type {
		case "", "file", "tree", "config", "config|noreplace":
			if f.Source = c.value(content.line, "nfpms[].contents", content.value.Src); f.Source == "" {
				continue
			}
			f.Source = path.Clean(f.Source)
		case "dir", "symlink":
			f.Source, f.Type = content.value.Src, content.value.Type
		default:
			c.leave(content.line, "nfpms[].contents[].type: "+content.value.Type, noCounterpart)
			continue
		}
		b.Files = append(b.Files, f)
	}
	for when, script := range p.Scripts {
		b.Scripts[when] = path.Clean(script)
	}
	if p.FileName != "" && !strings.Contains(p.FileName, ".ConventionalFileName") {
		b.Names = c.names(n.line, "nfpms[].file_name_template", p.FileName, platforms)
	}
	c.Bundles = append(c.Bundles, b)
}
