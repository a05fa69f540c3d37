package plan

import (
	"cmp"
	"slices"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/images"
)

// extensions maps formats of bundles to their extensions, if these differ.
var extensions = map[string]string{"archlinux": "pkg.tar.zst"}

func (p *planner) bundles() {
	for _, b := range p.config.Bundles {
		for _, platform := range b.Platforms {
			if !p.filter.wants(platform) {
				continue
			}
			vars := p.vars(platform, "", map[string]string{"NAME": b.Name})
			if !b.When.Holds(vars) {
				continue
			}
			step := BundleStep{Name: b.Name, Platform: images.Platform{Platform: platform}, Package: b.Package}
			for _, f := range b.Files {
				f.Source, f.Path, f.Exclude = expression.Expand(f.Source, vars), expression.Expand(f.Path, vars), expandSome(f.Exclude, vars)
				step.Files = append(step.Files, f)
			}
			formats := config.FormatsOf(b.Formats, vars)
			if len(b.Formats) == 0 {
				formats = []string{"tar.gz"}
				if platform.OS == "windows" {
					formats = []string{"zip"}
				}
			}
			if len(formats) == 0 {
				continue
			}
			naming := slices.Concat(b.Names, p.config.Names.Bundle)
			for _, format := range formats {
				vars["FORMAT"] = format
				step.Outputs = append(step.Outputs, artifact(naming.Of(vars)+"."+cmp.Or(extensions[format], format)))
			}
			p.claim("bundle", "bundle "+b.Name, platform, b.Position, step.Outputs...)
			p.plan.Bundles = append(p.plan.Bundles, step)
		}
	}
}

// checksums plans one checksum file for all platforms of the configuration with the same name in names.checksums.
func (p *planner) checksums() {
	byName := map[string]*SumStep{}
	wanted := map[string]bool{}
	var names []string
	for _, platform := range p.config.Platforms {
		name := artifact(p.config.Names.Checksums.Of(p.vars(platform, "", nil)))
		step := byName[name]
		if step == nil {
			step = &SumStep{Arch: platform.Architecture, Output: name}
			byName[name] = step
			names = append(names, name)
		}
		if step.Platforms = append(step.Platforms, images.Platform{Platform: platform}); step.Arch != platform.Architecture {
			step.Arch = ""
		}
		wanted[name] = wanted[name] || p.filter.wants(platform)
	}
	for _, name := range names {
		if wanted[name] {
			p.claim("checksums", "the checksum file of "+cmp.Or(byName[name].Arch, "all platforms"), noPlatform, p.config.Names.Position, name)
			p.plan.Checksums = append(p.plan.Checksums, *byName[name])
		}
	}
}
