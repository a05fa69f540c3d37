package draft

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/config/expression"
)

func (d *Draft) bundles(p *page) {
	if len(d.Bundles) == 0 {
		if len(d.Binaries) > 0 {
			p.line("")
			p.line("# bundles:")
			p.line("#   - formats: [tar.gz] # and tgz, zip, deb, rpm, apk, archlinux")
			p.line("#     files:")
			p.line(`#       - {source: "dist/bin/${PLATFORM}/%s${EXE}"}`, d.Binaries[0].Name)
			if d.License != "" {
				p.line("#     package: {license: %s}", d.License)
			}
		}
		return
	}
	p.line("")
	p.line("bundles:")
	for _, b := range d.Bundles {
		p.line("  - name: %s", scalar(cmp.Or(b.Name, expression.Literal(d.Project).String())))
		switch {
		case len(b.FormatsOf) > 0:
			p.line("    formats:")
			p.conditionals("format", b.FormatsOf)
		case len(b.Formats) > 0:
			p.line("    formats: %s", list(b.Formats))
		}
		switch {
		case len(b.Names) == 1 && b.Names[0].When == "":
			p.line("    names: %s", scalar(b.Names[0].Value))
		case len(b.Names) > 0:
			p.line("    names:")
			p.conditionals("name", b.Names)
		}
		if len(b.Platforms) > 0 {
			p.line("    platforms: [%s]", strings.Join(b.Platforms, ", "))
		}
		d.bundleFiles(p, b)
		if len(b.Package)+len(b.Lists)+len(b.Scripts) == 0 {
			continue
		}
		p.line("    package:")
		p.doubt("      ", b.Doubts...)
		for _, key := range slices.Sorted(maps.Keys(b.Package)) {
			p.line("      %s: %s", key, scalar(b.Package[key]))
		}
		for _, key := range slices.Sorted(maps.Keys(b.Lists)) {
			p.line("      %s: %s", key, list(b.Lists[key]))
		}
		if len(b.Scripts) > 0 {
			p.line("      scripts: %s", mapping(b.Scripts))
		}
	}
}

func (d *Draft) bundleFiles(p *page, b Bundle) {
	p.line("    files:")
	binaries := slices.DeleteFunc(slices.Clone(d.Binaries), func(one *Binary) bool { return len(b.Binaries) > 0 && !slices.Contains(b.Binaries, one) })
	if slices.ContainsFunc(binaries, func(one *Binary) bool { return len(one.Platforms) > 0 && !slices.Equal(one.Platforms, b.Platforms) }) {
		p.line("      - {source: \"dist/bin/${PLATFORM}/*\"%s}", pathField(b.Bin))
	} else {
		for _, one := range binaries {
			to := ""
			if b.Bin+one.Folder != "" {
				to = path.Join(b.Bin, one.Folder, one.Name)
				if len(OfSystem(d.Platforms, "windows")) > 0 && !slices.Equal(b.Platforms, OfSystem(d.Platforms, "linux")) {
					to += "${EXE}"
				}
			}
			p.line("      - {source: %s%s}", scalar("dist/bin/${PLATFORM}/"+one.Name+"${EXE}"), pathField(to))
		}
	}
	for _, f := range b.Files {
		fields := "source: " + scalar(f.Source)
		if f.Type == "dir" {
			fields = "type: dir"
		} else if f.Type != "" {
			fields += ", type: " + f.Type
		}
		fields += pathField(f.Path)
		if f.Config {
			fields += ", config: true"
		}
		doubt := ""
		if len(d.Before) != 1 && f.Missing {
			doubt = f.Source + " is not in the checkout: make it in before: with outputs"
		}
		p.line("      - {%s}%s", fields, unsure(doubt))
	}
}

// missing returns the folders of bundle files that are not in the checkout, or the files themselves in the root.
func (d *Draft) missing() []string {
	var missing []string
	for _, b := range d.Bundles {
		for _, f := range b.Files {
			if top, _, _ := strings.Cut(f.Source, "/"); f.Missing && !slices.Contains(missing, top) {
				missing = append(missing, top)
			}
		}
	}
	return missing
}

func pathField(to string) string {
	if to == "" {
		return ""
	}
	return ", path: " + scalar(to)
}

// conditionals writes the entries of a list with their conditions.
func (p *page) conditionals(key string, all []Conditional) {
	for _, c := range all {
		if c.When == "" {
			p.line("      - %s", scalar(c.Value))
		} else {
			p.line("      - {%s: %s, when: %s}", key, scalar(c.Value), scalar(c.When))
		}
	}
}
