package plan

import (
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

// ArchivesFor returns the archives that an image needs.
func (p *Plan) ArchivesFor(s ImageStep) []ArchiveStep {
	return slices.DeleteFunc(slices.Clone(p.Archives), func(a ArchiveStep) bool {
		return !slices.Contains(s.Needs.Lists, a.List) || !images.SamePlatform(a.Platform.Platform, s.Platform.Platform)
	})
}

// BundlesFor returns the bundles that an image needs.
func (p *Plan) BundlesFor(s ImageStep) []BundleStep {
	return slices.DeleteFunc(slices.Clone(p.Bundles), func(b BundleStep) bool {
		return !slices.Contains(s.Needs.Bundles, b.Name) || !samePorts(b.Platform.Platform, s.Platform.Platform)
	})
}

// Stages returns the images in the order in which they can be built. An image needs only archives of images of earlier
// stages.
func (p *Plan) Stages() [][]ImageStep {
	levels := map[string]int{} // by Ref
	var level func(ref string) int
	level = func(ref string) int {
		if l, ok := levels[ref]; ok {
			return l
		}
		step, ok := p.Image(ref)
		if !ok || len(step.Needs.Lists)+len(step.Needs.Bundles) == 0 {
			return 0
		}
		highest := 0
		for _, archive := range p.ArchivesFor(step) {
			for _, image := range archive.Images {
				if image.Own != "" {
					highest = max(highest, level(image.Own)) // config.Load has excluded cycles
				}
			}
		}
		levels[ref] = highest + 1
		return highest + 1
	}
	var stages [][]ImageStep
	for _, step := range p.Images {
		l := level(step.Ref)
		for len(stages) <= l {
			stages = append(stages, nil)
		}
		stages[l] = append(stages[l], step)
	}
	return stages
}

// needs reports images that need archives or bundles which are not made for their platform.
func (p *planner) needs() {
	for _, step := range p.plan.Images {
		missing := func(what, name string, platform v1.Platform) {
			at := p.config.File
			for _, image := range p.config.Images {
				if image.Name == step.Image {
					at = image.Position.String()
				}
			}
			p.errs = append(p.errs, fmt.Errorf("%s: image %s needs %s %s, which is not made for %s: add the platform there, or build the image for fewer",
				at, step.Image, what, name, images.FormatPlatform(platform)))
		}
		for _, list := range step.Needs.Lists {
			if !slices.ContainsFunc(p.plan.ArchivesFor(step), func(a ArchiveStep) bool { return a.List == list }) {
				missing("list", list, step.Platform.Platform)
			}
		}
		for _, bundle := range step.Needs.Bundles {
			if !slices.ContainsFunc(p.plan.BundlesFor(step), func(b BundleStep) bool { return b.Name == bundle }) {
				missing("bundle", bundle, step.Platform.Platform)
			}
		}
	}
}

// addNeeded adds the archives and bundles of whole that the images of p need.
func (p *Plan) addNeeded(whole *Plan) {
	for _, step := range p.Images {
		for _, a := range whole.ArchivesFor(step) {
			if !slices.ContainsFunc(p.Archives, func(have ArchiveStep) bool {
				return have.List == a.List && images.SamePlatform(have.Platform.Platform, a.Platform.Platform)
			}) {
				p.Archives = append(p.Archives, a)
			}
		}
		for _, b := range whole.BundlesFor(step) {
			if !slices.ContainsFunc(p.Bundles, func(have BundleStep) bool { return slices.Equal(have.Outputs, b.Outputs) }) {
				p.Bundles = append(p.Bundles, b)
			}
		}
	}
}
