package plan

import (
	"slices"

	"github.com/slipway-build/slipway/images"
)

// Image returns the step that makes an image, by its Ref.
func (p *Plan) Image(ref string) (ImageStep, bool) {
	for _, s := range p.Images {
		if s.Ref == ref {
			return s, true
		}
	}
	return ImageStep{}, false
}

// Index returns the step that makes an index, by its Ref.
func (p *Plan) Index(ref string) (IndexStep, bool) {
	for _, s := range p.Indexes {
		if s.Ref == ref {
			return s, true
		}
	}
	return IndexStep{}, false
}

// Leaves returns the Refs of the images in an index, and in the indexes that are its members.
func (p *Plan) Leaves(step IndexStep) []string {
	var out []string
	for _, member := range step.Members {
		if nested, ok := p.Index(member); ok {
			out = append(out, p.Leaves(nested)...)
		} else {
			out = append(out, member)
		}
	}
	return out
}

// Names returns the paths of all files, and the Refs of all images and indexes, that the plan makes.
func (p *Plan) Names() map[string]bool {
	names := map[string]bool{}
	for _, s := range p.Binaries {
		names[s.Output] = true
	}
	for _, s := range p.Images {
		names[s.Ref] = true
	}
	for _, s := range p.Indexes {
		names[s.Ref] = true
	}
	for _, f := range p.Artifacts() {
		names[f.Path] = true
	}
	for _, f := range p.Proofs() {
		names[f.Output] = true
	}
	for _, s := range p.Checksums {
		names[s.Output] = true
	}
	for _, s := range p.Signatures() {
		names[s.Path] = true
	}
	return names
}

// files returns the paths of the archives and, if there is one, of the text list.
func (s ArchiveStep) files() []string {
	if s.Text == "" {
		return s.Outputs
	}
	return append(slices.Clone(s.Outputs), s.Text)
}

// An Artifact is a file in dist/artifacts.
type Artifact struct {
	Path     string
	Platform images.Platform
}

// Artifacts returns the files in dist/artifacts, without the checksums.
func (p *Plan) Artifacts() []Artifact {
	var files []Artifact
	for _, s := range p.Binaries {
		if s.Artifact != "" {
			files = append(files, Artifact{s.Artifact, s.Platform})
		}
	}
	for _, s := range p.Archives {
		for _, o := range s.files() {
			files = append(files, Artifact{o, s.Platform})
		}
	}
	for _, s := range p.Lists {
		files = append(files, Artifact{s.Output, s.Platform})
	}
	for _, s := range p.Bundles {
		for _, o := range s.Outputs {
			files = append(files, Artifact{o, s.Platform})
		}
	}
	for _, s := range p.VEX {
		files = append(files, Artifact{Path: s.Output})
	}
	for _, s := range p.SBOMs {
		files = append(files, Artifact{s.Output, s.Platform})
	}
	for _, f := range p.Proofs() {
		if f.IsArtifact() {
			files = append(files, Artifact{f.Output, f.Platform})
		}
	}
	return files
}
