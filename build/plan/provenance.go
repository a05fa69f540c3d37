package plan

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/images"
)

// Provenance says what the provenance of all artifacts and images names; see config.Provenance.
type Provenance struct {
	Source  string `json:"source,omitempty"`
	Builder string `json:"builder"`
}

// defaultBuilder is the builder that provenance names unless slipway.yaml names another.
const defaultBuilder = "https://github.com/slipway-build/slipway"

// A Proof is a file that says something about an artifact or image of the release.
type Proof struct {
	// Kind is provenance.
	Kind string
	// Subject is the path of the artifact, or the Ref of the image or index.
	Subject  string
	Platform images.Platform
	Output   string
}

// Proofs returns the proofs of the plan. That of an artifact is beside it, and those of images and indexes are in
// dist/proof.
func (p *Plan) Proofs() []Proof {
	if p.Provenance == nil {
		return nil
	}
	var proofs []Proof
	add := func(subject string, platform images.Platform, output string) {
		proofs = append(proofs, Proof{"provenance", subject, platform, output + ".provenance.json"})
	}
	for _, s := range p.Images {
		add(s.Ref, s.Platform, proofOfImage(s.Image, s.Ref))
	}
	for _, s := range p.Indexes {
		platform := images.Platform{}
		if s.Platform != nil {
			platform = *s.Platform
		}
		add(s.Ref, platform, proofOfImage(s.Image, s.Ref))
	}
	for _, s := range p.Binaries {
		if s.Artifact != "" {
			add(s.Artifact, s.Platform, s.Artifact)
		}
	}
	for _, s := range p.Archives {
		for _, o := range s.Outputs {
			add(o, s.Platform, o)
		}
	}
	for _, s := range p.Bundles {
		for _, o := range s.Outputs {
			add(o, s.Platform, o)
		}
	}
	return proofs
}

// proofOfImage returns the path, without its end, of proofs of an image or index: its name and its tag.
func proofOfImage(image, ref string) string {
	_, tag, _ := strings.Cut(path.Base(ref), ":")
	return "dist/proof/" + path.Base(image) + "_" + tag
}

// IsArtifact reports whether the proof is in dist/artifacts.
func (p Proof) IsArtifact() bool { return strings.HasPrefix(p.Output, "dist/artifacts/") }

// Making returns the part of the plan that makes an artifact, image or index: its step, and those of binaries in it.
func (p *Plan) Making(subject string, binaries []string) *Plan {
	return &Plan{
		Project: p.Project, Release: p.Release, Hooks: p.Hooks,
		Binaries: kept(p.Binaries, func(_ int, s BinaryStep) bool { return s.Artifact == subject || slices.Contains(binaries, s.Output) }),
		Images:   kept(p.Images, func(_ int, s ImageStep) bool { return s.Ref == subject }),
		Indexes:  kept(p.Indexes, func(_ int, s IndexStep) bool { return s.Ref == subject }),
		Archives: kept(p.Archives, func(_ int, s ArchiveStep) bool { return slices.Contains(s.Outputs, subject) }),
		Bundles:  kept(p.Bundles, func(_ int, s BundleStep) bool { return slices.Contains(s.Outputs, subject) }),
	}
}

// provenance plans provenance, if slipway.yaml asks for it.
func (p *planner) provenance() {
	c := p.config.Provenance
	if !c.Wanted() {
		return
	}
	p.plan.Provenance = &Provenance{Source: c.Source, Builder: cmp.Or(c.Builder, defaultBuilder)}
	for _, proof := range p.plan.Proofs() {
		at := config.Position{File: c.Position.File, Line: c.Position.Line}
		p.claim("binary", "the "+proof.Kind+" of "+path.Base(proof.Subject), proof.Platform.Platform, at, proof.Output)
	}
}
