package dockerfile

import (
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A BaseImage is an image of a registry that an image is made from.
type BaseImage struct {
	// Ref is as the Dockerfile or a named context has it.
	Ref      string
	Platform v1.Platform
	// Line is that of the FROM or COPY; 0 if it is not known.
	Line int
}

// BaseImages returns the images of registries that the target is made from, so far as the Dockerfile says: ONBUILD
// triggers of a base may need more.
func (g *Graph) BaseImages() ([]BaseImage, error) {
	if err := g.ReadStages(); err != nil {
		return nil, err
	}
	target, err := g.Target()
	if err != nil {
		return nil, err
	}
	var bases []BaseImage
	for _, s := range g.Reachable(target) {
		ref := s.BaseName
		if s.Context != nil {
			ref = s.Context.Ref // empty for a folder
		}
		if s.Base != nil || ref == "" || ref == Scratch || strings.Contains(ref, "://") {
			continue
		}
		base := BaseImage{Ref: ref, Platform: s.PlatformOr(g.Options.Platform)}
		if len(s.Location) > 0 {
			base.Line = s.Location[0].Start.Line
		}
		bases = append(bases, base)
	}
	return bases, nil
}
