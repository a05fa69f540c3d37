package plan

import (
	"cmp"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/images"
)

// A maker is what makes an artifact, and where slipway.yaml says so.
type maker struct {
	name string
	at   config.Position
}

// noPlatform is the platform of files for several.
var noPlatform v1.Platform

// claim notes what makes artifacts, and reports an artifact that has a maker already, of which one would replace the
// other. key is the key of names that gives the names.
func (p *planner) claim(key, name string, platform v1.Platform, at config.Position, outputs ...string) {
	if platform.OS != "" {
		name += " for " + images.FormatPlatform(platform)
	}
	at.File = cmp.Or(at.File, p.config.File)
	for _, output := range outputs {
		// File systems of Windows and macOS ignore case.
		lower := strings.ToLower(output)
		if other, ok := p.makers[lower]; ok {
			p.errs = append(p.errs, fmt.Errorf("%s: %s has the same name %s as %s (%s): change names.%s, or give one of them another name",
				at, name, output, other.name, other.at, key))
			return
		}
		p.makers[lower] = maker{name, at}
	}
}
