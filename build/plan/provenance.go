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
	// Attest puts that of images into their indexes.
	Attest bool `json:"attest,omitempty"`
}

// A VEXStep copies a VEX document to the artifacts.
type VEXStep struct {
	// Name tells the document from others in file names.
	Name   string `json:"name"`
	Source string `json:"source"`
	Output string `json:"output"`
}

// vexName returns the file name of a VEX document without the extensions that such documents have.
func vexName(file string) string {
	name := strings.TrimSuffix(path.Base(file), ".json")
	return strings.TrimSuffix(strings.TrimSuffix(name, ".vex"), ".openvex")
}

// defaultBuilder is the builder that provenance names unless slipway.yaml names another.
const defaultBuilder = "https://github.com/slipway-build/slipway"

// A Proof is a file that says something about an artifact or image of the release.
type Proof struct {
	// Kind is provenance or vex.
	Kind string
	// Subject is the path of the artifact, or the Ref of the image or index.
	Subject  string
	Platform images.Platform
	// Document is the VEX document that it states, as a path of the plan.
	Document string
	Output   string
}

// Proofs returns the proofs of the plan. That of an artifact is beside it, and those of images and indexes are in
// dist/proof.
func (p *Plan) Proofs() []Proof {
	var proofs []Proof
	provenance := func(subject string, platform images.Platform, output string) {
		if p.Provenance != nil {
			proofs = append(proofs, Proof{Kind: "provenance", Subject: subject, Platform: platform, Output: output + ".provenance.json"})
		}
	}
	image := func(image, ref string, platform images.Platform) {
		output := proofOfImage(image, ref)
		provenance(ref, platform, output)
		for _, s := range p.VEX {
			proofs = append(proofs, Proof{Kind: "vex", Subject: ref, Platform: platform, Document: s.Output, Output: output + "." + s.Name + ".vex.json"})
		}
	}
	for _, s := range p.Images {
		image(s.Image, s.Ref, s.Platform)
	}
	for _, s := range p.Indexes {
		platform := images.Platform{}
		if s.Platform != nil {
			platform = *s.Platform
		}
		image(s.Image, s.Ref, platform)
	}
	for _, s := range p.Binaries {
		if s.Artifact != "" {
			provenance(s.Artifact, s.Platform, s.Artifact)
		}
	}
	for _, s := range p.Archives {
		for _, o := range s.Outputs {
			provenance(o, s.Platform, o)
		}
	}
	for _, s := range p.Bundles {
		for _, o := range s.Outputs {
			provenance(o, s.Platform, o)
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

// proofs plans provenance and VEX documents, if slipway.yaml asks for them.
func (p *planner) proofs() {
	c := p.config.Provenance
	if c.Wanted() {
		p.plan.Provenance = &Provenance{Source: c.Source, Builder: cmp.Or(c.Builder, defaultBuilder), Attest: c.Attest}
	}
	for _, file := range p.config.VEX {
		step := VEXStep{Name: vexName(file), Source: file, Output: artifact(path.Base(file))}
		p.claim("binary", "the VEX document "+file, noPlatform, config.Position{}, step.Output)
		p.plan.VEX = append(p.plan.VEX, step)
	}
	for _, proof := range p.plan.Proofs() {
		p.claim("binary", "the "+proof.Kind+" of "+path.Base(proof.Subject), proof.Platform.Platform, c.Position, proof.Output)
	}
}
