package dockerfile

import (
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A BaseImage is a registry's image that a target is built from.
type BaseImage struct {
	// Ref is the reference as written in the Dockerfile or the named context.
	Ref      string
	Platform v1.Platform
	// Final is whether the target itself is FROM it, rather than a stage that the target copies from.
	Final bool
	// Line is the line of the FROM or COPY; 0 if unknown.
	Line int
}

// BaseImages returns the registry images that the target is built from, as far as the Dockerfile determines them:
// ONBUILD triggers of a base may need more.
func (g *Graph) BaseImages() ([]BaseImage, error) {
	if err := g.ReadStages(); err != nil {
		return nil, err
	}
	target, err := g.Target()
	if err != nil {
		return nil, err
	}
	final := target
	for final.Base != nil {
		final = final.Base
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
		base := BaseImage{Ref: ref, Platform: s.PlatformOr(g.Options.Platform), Final: s == final}
		if len(s.Location) > 0 {
			base.Line = s.Location[0].Start.Line
		}
		bases = append(bases, base)
	}
	return bases, nil
}
