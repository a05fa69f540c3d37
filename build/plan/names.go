package plan

import (
	"cmp"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/images"
)

// A maker is the description of what makes an artifact, and its position in slipway.yaml.
type maker struct {
	name string
	at   config.Position
}

// noPlatform is the platform of files for several platforms.
var noPlatform v1.Platform

// claim records the maker of artifacts. It reports artifacts that have a maker already, since one would replace the
// other. key is the key of names with the names.
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
