package build

import "github.com/slipway-build/slipway/images"

func (p *Plan) imageStep(ref string) (ImageStep, bool) {
	for _, s := range p.Images {
		if s.Ref == ref {
			return s, true
		}
	}
	return ImageStep{}, false
}

func (p *Plan) indexStep(ref string) (IndexStep, bool) {
	for _, s := range p.Indexes {
		if s.Ref == ref {
			return s, true
		}
	}
	return IndexStep{}, false
}

// leaves are the images behind an index.
func (p *Plan) leaves(step IndexStep) []string {
	var out []string
	for _, member := range step.Members {
		if nested, ok := p.indexStep(member); ok {
			out = append(out, p.leaves(nested)...)
		} else {
			out = append(out, member)
		}
	}
	return out
}

// names are the files and tags that a plan makes.
func (p *Plan) names() map[string]bool {
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
	for _, f := range p.artifacts() {
		names[f.path] = true
	}
	for _, s := range p.Checksums {
		names[s.Output] = true
	}
	return names
}

// An artifactFile is a file of dist/artifacts and the platform it is for.
type artifactFile struct {
	path     string
	platform images.Platform
}

// artifacts are the files of dist/artifacts but for the checksums.
func (p *Plan) artifacts() []artifactFile {
	var files []artifactFile
	for _, s := range p.Binaries {
		if s.Artifact != "" {
			files = append(files, artifactFile{s.Artifact, s.Platform})
		}
	}
	for _, s := range p.Archives {
		for _, o := range s.Outputs {
			files = append(files, artifactFile{o, s.Platform})
		}
		files = append(files, artifactFile{s.Text, s.Platform})
	}
	for _, s := range p.Lists {
		files = append(files, artifactFile{s.Output, s.Platform})
	}
	for _, s := range p.Bundles {
		for _, o := range s.Outputs {
			files = append(files, artifactFile{o, s.Platform})
		}
	}
	return files
}
