package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/progress"
)

// archives plans an archive for each list, platform and Windows version, and a list of the images in all archives for
// each platform.
func (p *planner) archives() {
	all := map[string][]string{} // platform slug -> references
	var slugs []v1.Platform
	for _, name := range slices.Sorted(maps.Keys(p.config.Airgap.Lists)) {
		list := p.config.Airgap.Lists[name]
		for _, platform := range list.Platforms {
			windows := []string{""}
			if platform.OS == "windows" {
				windows = p.windowsNames(list.Windows)
			}
			for _, version := range windows {
				exact := platform
				if version != "" {
					exact.OSVersion = p.config.Windows[version]
				}
				if !p.filter.wants(exact) || !list.When.Holds(p.listVars(name, exact, version)) {
					continue
				}
				step := p.archive(name, list, exact, version)
				if len(step.Outputs) == 0 && step.Text == "" {
					continue
				}
				p.plan.Archives = append(p.plan.Archives, step)
				slug := images.PlatformSlug(exact)
				if _, ok := all[slug]; !ok {
					slugs = append(slugs, platform)
				}
				all[slug] = append(all[slug], step.Lines()...)
			}
		}
	}
	slices.SortFunc(slugs, images.ComparePlatforms)
	for _, platform := range slugs {
		vars := p.vars(platform, "", nil)
		if !p.config.Airgap.AllImages.Holds(vars) {
			continue
		}
		refs := all[images.PlatformSlug(platform)]
		slices.SortFunc(refs, compareVersions)
		step := ListStep{Platform: images.Platform{Platform: platform}, Output: artifact(p.config.Names.AllImagesOf(platform).Of(vars)), Images: slices.Compact(refs)}
		p.claim("all-images", "the list of all images", platform, p.config.Names.Position, step.Output)
		p.plan.Lists = append(p.plan.Lists, step)
	}
}

// listVars returns the variables of a list on a platform.
func (p *planner) listVars(name string, platform v1.Platform, windows string) map[string]string {
	suffix := "-" + name
	if name == "images" {
		suffix = ""
	}
	return p.vars(platform, windows, map[string]string{"LIST": name, "LIST_SUFFIX": suffix})
}

func (p *planner) archive(name string, list config.List, platform v1.Platform, windows string) ArchiveStep {
	vars := p.listVars(name, platform, windows)
	naming := slices.Concat(list.Name, p.config.Names.ArchiveOf(platform))
	file := func(format string) string {
		vars["FORMAT"] = format
		return artifact(naming.Of(vars) + "." + format)
	}
	step := ArchiveStep{List: name, Platform: images.Platform{Platform: platform}, Windows: windows,
		Layers: p.config.Airgap.Layers, Level: p.config.Airgap.Level}
	if p.config.Airgap.Split != "" {
		step.Split, _ = progress.ParseBytes(p.config.Airgap.Split) // config.Load has checked it
	}
	for _, format := range config.FormatsOf(list.Formats, vars) {
		step.Outputs = append(step.Outputs, file(format))
	}
	if list.Text.Holds(vars) {
		step.Text = file("txt")
	}
	key := "archive"
	if windows != "" {
		key = "windows-archive"
	}
	p.claim(key, "list "+name, platform, list.Position, step.files()...)
	step.Images = p.listImages(name, platform, windows)
	if len(step.Images) == 0 {
		p.errs = append(p.errs, fmt.Errorf("%s: list %s has no image for %s: leave the platform out with platforms or when", list.Position, name, images.FormatPlatform(platform)))
	}
	return step
}

// listImages returns the images of a list for a platform, each once: first own images, then those of the file and the
// references, then those of included lists for the same platform.
func (p *planner) listImages(name string, platform v1.Platform, windows string) []ArchiveImage {
	var (
		own, others []ArchiveImage
		seen        = map[string]bool{}
		visit       func(name string)
	)
	visit = func(name string) {
		list := p.config.Airgap.Lists[name]
		for _, image := range list.Images {
			archived, ok := p.ownImage(image, platform)
			if !ok {
				p.errs = append(p.errs, fmt.Errorf("%s: list %s contains image %s, which is not built for %s%s: build it there, or leave the platform out with platforms or when of the list",
					list.Position, name, image, images.FormatPlatform(platform), p.whyNot(image)))
			} else if !seen[archived.Own] {
				seen[archived.Own] = true
				own = append(own, archived)
			}
		}
		for _, r := range list.References {
			if ref, ok := p.reference(name, r, platform, windows); ok && !seen[ref] {
				seen[ref] = true
				others = append(others, ArchiveImage{Names: []string{ref}, Source: source(r.Position)})
			}
		}
		for _, included := range list.Include {
			if l := p.config.Airgap.Lists[included]; covers(l, platform, windows) && l.When.Holds(p.listVars(included, platform, windows)) {
				visit(included)
			}
		}
	}
	visit(name)
	return append(own, others...)
}

// reference returns the reference of a list on a platform, in its short form. ok is false if it is not for the
// platform, or invalid.
func (p *planner) reference(list string, r config.ListReference, platform v1.Platform, windows string) (ref string, ok bool) {
	vars := p.listVars(list, platform, windows)
	if !r.When.Holds(vars) || len(r.Platforms) > 0 && !slices.ContainsFunc(r.Platforms, func(other v1.Platform) bool { return samePorts(other, platform) }) {
		return "", false
	}
	parsed, err := images.ParseReference(images.TrimTransport(expression.Expand(r.Ref, vars)))
	if err != nil {
		p.errs = append(p.errs, fmt.Errorf("%s: on %s: %w", r.Position, images.FormatPlatform(platform), err))
		return "", false
	}
	return images.Familiar(parsed), true
}

// source returns the file:line of a reference.
func source(at config.Position) string { return fmt.Sprintf("%s:%d", at.File, at.Line) }

// whyNot returns the condition of an image, for messages.
func (p *planner) whyNot(name string) string {
	for _, image := range p.config.Images {
		if condition := image.When.String(); image.Name == name && condition != "" {
			return " (its when is " + condition + ")"
		}
	}
	return ""
}

// covers reports whether a list is for a platform.
func covers(list config.List, platform v1.Platform, windows string) bool {
	platform.OSVersion = ""
	return slices.ContainsFunc(list.Platforms, func(p v1.Platform) bool {
		return images.SamePlatform(p, platform)
	}) && (windows == "" || len(list.Windows) == 0 || slices.Contains(list.Windows, windows))
}

// ownImage finds the step that makes an own image for a platform. On Windows, the tag of the platform is the first name
// in the archive, since a Windows binary is linked to look for it, as RKE2's is.
func (p *planner) ownImage(image string, platform v1.Platform) (ArchiveImage, bool) {
	for _, step := range p.plan.Images {
		if step.Image == image && images.SamePlatform(step.Platform.Platform, platform) {
			tag := p.base(image) + ":" + p.config.Release.Tag
			names := []string{familiar(tag), familiar(tag + "-" + images.PlatformSlug(platform))}
			if platform.OS == "windows" {
				slices.Reverse(names)
			}
			return ArchiveImage{Names: names, Own: step.Ref}, true
		}
	}
	return ArchiveImage{}, false
}

// Lines returns the lines of the text list: references with their registry. Tools that read such lists, like RKE2's
// scripts and tools for mirroring registries, refuse a name without a registry, or use another registry.
func (s ArchiveStep) Lines() []string {
	lines := make([]string, len(s.Images))
	for i, image := range s.Images {
		lines[i] = image.Names[0]
		if ref, err := images.ParseReference(lines[i]); err == nil { // it is valid, since New has parsed it
			lines[i] = images.Qualified(ref)
		}
	}
	return lines
}

// familiar returns the short form of a reference of the plan.
func familiar(ref string) string {
	parsed, err := images.ParseReference(ref)
	if err != nil {
		return ref // config.Load has checked its parts
	}
	return images.Familiar(parsed)
}

// compareVersions compares references like `sort -V` and the versions of Debian packages: numbers by value; in other
// text, ~ before the end of the text, and letters before everything else.
func compareVersions(a, b string) int {
	order := func(s string) int {
		switch {
		case s == "" || isDigit(s[0]):
			return 0
		case s[0] == '~':
			return -1
		case 'a' <= s[0]|0x20 && s[0]|0x20 <= 'z':
			return int(s[0])
		}
		return int(s[0]) + 256
	}
	for x, y := a, b; x != "" || y != ""; {
		for x != "" && !isDigit(x[0]) || y != "" && !isDigit(y[0]) {
			if c := cmp.Compare(order(x), order(y)); c != 0 {
				return c
			}
			x, y = x[1:], y[1:]
		}
		var m, n string
		m, x = cutNumber(x)
		n, y = cutNumber(y)
		if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
			return c
		}
	}
	return cmp.Compare(a, b)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// cutNumber cuts the digits at the beginning of s. number has no leading zeros.
func cutNumber(s string) (number, rest string) {
	rest = strings.TrimLeft(s, "0123456789")
	return strings.TrimLeft(s[:len(s)-len(rest)], "0"), rest
}
