package plan

import "github.com/slipway-build/slipway/images"

func (p *Plan) Image(ref string) (ImageStep, bool) {
	for _, s := range p.Images {
		if s.Ref == ref {
			return s, true
		}
	}
	return ImageStep{}, false
}

func (p *Plan) Index(ref string) (IndexStep, bool) {
	for _, s := range p.Indexes {
		if s.Ref == ref {
			return s, true
		}
	}
	return IndexStep{}, false
}

// leaves are the images behind an index.
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

// names are the files and tags that a plan makes.
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
	for _, s := range p.Checksums {
		names[s.Output] = true
	}
	return names
}

// An artifactFile is a file of dist/artifacts and the platform it is for.
type Artifact struct {
	Path     string
	Platform images.Platform
}

// artifacts are the files of dist/artifacts but for the checksums.
func (p *Plan) Artifacts() []Artifact {
	var files []Artifact
	for _, s := range p.Binaries {
		if s.Artifact != "" {
			files = append(files, Artifact{s.Artifact, s.Platform})
		}
	}
	for _, s := range p.Archives {
		for _, o := range s.Outputs {
			files = append(files, Artifact{o, s.Platform})
		}
		files = append(files, Artifact{s.Text, s.Platform})
	}
	for _, s := range p.Lists {
		files = append(files, Artifact{s.Output, s.Platform})
	}
	for _, s := range p.Bundles {
		for _, o := range s.Outputs {
			files = append(files, Artifact{o, s.Platform})
		}
	}
	return files
}
