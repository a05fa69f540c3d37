package config

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config/expression"
)

// Names contains the names of the files in dist/artifacts. For archives and bundles, the format is added as the
// extension. After Load, each list ends with the default, except for the lists for Windows.
type Names struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	Binary         Naming `yaml:"binary" expand:"platform name" doc:"default: ${NAME}.${PLATFORM}${EXE}"`
	WindowsBinary  Naming `yaml:"windows-binary" expand:"platform name" doc:"of a Windows binary; default: names.binary"`
	Archive        Naming `yaml:"archive" expand:"platform list format" doc:"default: ${PROJECT}-images${LIST_SUFFIX}.${PLATFORM}"`
	WindowsArchive Naming `yaml:"windows-archive" expand:"platform windows list format" doc:"default: ${PROJECT}-images${LIST_SUFFIX}.windows-${WINDOWS}-${ARCH}"`
	AllImages      Naming `yaml:"all-images" expand:"platform" doc:"default: ${PROJECT}-images-all.${PLATFORM}.txt"`
	WindowsImages  Naming `yaml:"windows-all-images" expand:"platform" doc:"of the list for Windows; default: names.all-images"`
	Bundle         Naming `yaml:"bundle" expand:"platform name format" doc:"default: ${NAME}.${PLATFORM}"`
	Checksums      Naming `yaml:"checksums" expand:"platform" doc:"platforms with the same name share one file; default: sha256sum-${ARCH}.txt"`
}

// A Naming is the name of one kind of artifacts: the first template whose condition is true. In slipway.yaml, a single
// template may replace the list.
type Naming []Name

// A Name is a template for the name of a file, without folders.
type Name struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`

	Name string               `yaml:"name" required:"true" short:"true" inherit:"expand" doc:"template for the name of a file"`
	When expression.Condition `yaml:"when" inherit:"expand" doc:"condition"`
}

// Of returns the name with the values of variables. It skips a template whose text is then empty. If no condition is
// true, it returns "".
func (n Naming) Of(vars map[string]string) string {
	for _, template := range n {
		if !template.When.Holds(vars) {
			continue
		}
		if name := expression.Expand(template.Name, vars); name != "" {
			return name
		}
	}
	return ""
}

// BinaryOf returns the names of binaries for a platform.
func (n Names) BinaryOf(p v1.Platform) Naming { return onWindows(p, n.WindowsBinary, n.Binary) }

// ArchiveOf returns the names of archives for a platform.
func (n Names) ArchiveOf(p v1.Platform) Naming {
	if p.OS == "windows" {
		return n.WindowsArchive
	}
	return n.Archive
}

// AllImagesOf returns the names of the list of all images for a platform.
func (n Names) AllImagesOf(p v1.Platform) Naming { return onWindows(p, n.WindowsImages, n.AllImages) }

// onWindows returns others or, for Windows, windows followed by others.
func onWindows(p v1.Platform, windows, others Naming) Naming {
	if p.OS != "windows" {
		return others
	}
	return slices.Concat(windows, others)
}

// A FileFormat is a format of an archive or bundle.
type FileFormat struct {
	Format string               `yaml:"format" required:"true" short:"true" inherit:"enum" doc:"format"`
	When   expression.Condition `yaml:"when" inherit:"expand" doc:"condition: only the files for the platforms on which it holds have this format"`
}

// FormatsOf returns the formats whose conditions are true, each once.
func FormatsOf(formats []FileFormat, vars map[string]string) []string {
	var out []string
	for _, f := range formats {
		if f.When.Holds(vars) && !slices.Contains(out, f.Format) {
			out = append(out, f.Format)
		}
	}
	return out
}

func (v *validator) names() {
	n := &v.config.Names
	for _, d := range []struct {
		key      string
		naming   *Naming
		standard string
	}{
		{"binary", &n.Binary, "${NAME}.${PLATFORM}${EXE}"},
		{"windows-binary", &n.WindowsBinary, ""},
		{"archive", &n.Archive, v.config.Project + "-images${LIST_SUFFIX}.${PLATFORM}"},
		{"windows-archive", &n.WindowsArchive, v.config.Project + "-images${LIST_SUFFIX}.windows-${WINDOWS}-${ARCH}"},
		{"all-images", &n.AllImages, v.config.Project + "-images-all.${PLATFORM}.txt"},
		{"windows-all-images", &n.WindowsImages, ""},
		{"bundle", &n.Bundle, "${NAME}.${PLATFORM}"},
		{"checksums", &n.Checksums, "sha256sum-${ARCH}.txt"},
	} {
		v.naming("names."+d.key, *d.naming)
		if d.standard != "" {
			*d.naming = append(*d.naming, Name{Name: d.standard})
		}
	}
}

// naming checks the templates at path.
func (v *validator) naming(path string, naming Naming) {
	for i, n := range naming {
		if i > 0 && n.Name != "" && naming[i-1].When.String() == "" && !v.reportedBelow(fmt.Sprintf("%s[%d]", path, i-1)) {
			v.decoder.problems.add(n.Position, "%s: %q is never the name: the one before it has no condition", path, n.Name)
		}
		if strings.ContainsAny(n.Name, `/\`) {
			v.decoder.problems.add(n.Position, "%s: %q: want a file name, without folders", path, n.Name)
		}
	}
}

// formats checks a list of formats. It must not have the same format with the same condition twice.
func (v *validator) formats(path string, formats []FileFormat) {
	for i, f := range formats {
		if f.Format != "" && slices.ContainsFunc(formats[:i], func(o FileFormat) bool { return o.Format == f.Format && o.When.String() == f.When.String() }) {
			v.wrong(fmt.Sprintf("%s[%d]", path, i), "%s is a duplicate", f.Format)
		}
	}
}
