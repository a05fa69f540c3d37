package plan

import (
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/images"
)

// An SBOMStep writes the SBOM of an image or of a file in dist/artifacts.
type SBOMStep struct {
	// Kind is image, binary, archive or bundle.
	Kind string `json:"kind"`
	// Subject is the Ref of the image, or the path of the file.
	Subject  string          `json:"subject"`
	Platform images.Platform `json:"platform"`
	// Format is spdx or cyclonedx.
	Format string `json:"format"`
	Output string `json:"output"`
	// Attest puts that of an image into its indexes.
	Attest bool `json:"attest,omitempty"`
}

// sbomExtensions are the ends of names by which the tools of a standard know its files.
var sbomExtensions = map[string]string{"spdx": ".spdx.json", "cyclonedx": ".cdx.json"}

// sboms plans SBOMs, if slipway.yaml asks for them. That of a file is beside it.
func (p *planner) sboms() {
	c := p.config.SBOM
	if !c.Wanted() {
		return
	}
	formats := c.Formats
	if len(formats) == 0 {
		formats = []string{"spdx"}
	}
	add := func(kind, subject string, platform images.Platform, name string) {
		for _, format := range formats {
			step := SBOMStep{kind, subject, platform, format, artifact(name + sbomExtensions[format]), c.Attest && kind == "image"}
			p.claim(kind, "the SBOM of "+path.Base(subject), platform.Platform, c.Position, step.Output)
			p.plan.SBOMs = append(p.plan.SBOMs, step)
		}
	}
	if c.Has("images") {
		for _, s := range p.plan.Images {
			add("image", s.Ref, s.Platform, imageFile(s))
		}
		for i := range p.plan.Archives {
			p.plan.Archives[i].SBOMs = formats
		}
	}
	if c.Has("binaries") {
		for _, s := range p.plan.Binaries {
			if s.Artifact != "" {
				add("binary", s.Artifact, s.Platform, path.Base(s.Artifact))
			}
		}
	}
	if c.Has("archives") {
		for _, s := range p.plan.Archives {
			for _, o := range s.Outputs {
				add("archive", o, s.Platform, path.Base(o))
			}
		}
	}
	if c.Has("bundles") {
		for _, s := range p.plan.Bundles {
			for _, o := range s.Outputs {
				add("bundle", o, s.Platform, path.Base(o))
			}
		}
	}
}

// imageFile returns the name of an image in file names: NAME-linux-amd64, NAME-windows-ltsc2022-amd64.
func imageFile(s ImageStep) string {
	slug := images.PlatformSlug(s.Platform.Platform)
	if s.Windows != "" {
		slug = "windows-" + s.Windows + "-" + s.Platform.Architecture
	}
	return strings.ReplaceAll(s.Image, "/", "-") + "-" + slug
}

// sbomsOf returns the steps whose subjects the plan makes.
func (p *Plan) sbomsOf(all []SBOMStep) []SBOMStep {
	return kept(all, func(_ int, s SBOMStep) bool {
		switch s.Kind {
		case "image":
			return slices.ContainsFunc(p.Images, func(i ImageStep) bool { return i.Ref == s.Subject })
		case "binary":
			return slices.ContainsFunc(p.Binaries, func(b BinaryStep) bool { return b.Artifact == s.Subject })
		case "archive":
			return slices.ContainsFunc(p.Archives, func(a ArchiveStep) bool { return slices.Contains(a.Outputs, s.Subject) })
		}
		return slices.ContainsFunc(p.Bundles, func(b BundleStep) bool { return slices.Contains(b.Outputs, s.Subject) })
	})
}
