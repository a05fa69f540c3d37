package config

import (
	"fmt"
	"slices"

	"github.com/slipway-build/slipway/build/config/expression"
)

// SBOM says of what SBOMs are written, and in which formats.
type SBOM struct {
	// Position is its place in slipway.yaml. It is empty if the key is missing.
	Position Position `yaml:"-" json:"-"`

	When    expression.Condition `yaml:"when" json:"-" short:"true" doc:"condition: SBOMs are written if it holds; default: always"`
	Formats []string             `yaml:"formats" enum:"spdx cyclonedx" doc:"spdx (FILE.spdx.json) and cyclonedx (FILE.cdx.json); default: spdx"`
	Of      []string             `yaml:"of" enum:"images binaries archives bundles" doc:"what they are of: images, binaries (those in dist/artifacts), archives, bundles; default: all of them"`
	Attest  bool                 `yaml:"attest" doc:"put the SBOM of each image into its index, too, as docker buildx build --attest type=sbom does; default: false"`
}

// Wanted reports whether SBOMs are written.
func (s SBOM) Wanted() bool { return s.Position != (Position{}) && s.When.Holds(nil) }

// Has reports whether SBOMs are written of images, binaries, archives or bundles.
func (s SBOM) Has(what string) bool { return len(s.Of) == 0 || slices.Contains(s.Of, what) }

func (v *validator) sbom() {
	v.attestedFormats("sbom.attest", v.config.SBOM.Attest)
	if v.config.SBOM.Attest && !v.config.SBOM.Has("images") {
		v.wrong("sbom.attest", "only images have it: want images in of")
	}
	for key, list := range map[string][]string{"formats": v.config.SBOM.Formats, "of": v.config.SBOM.Of} {
		for i, text := range list {
			if slices.Contains(list[:i], text) {
				v.wrong(fmt.Sprintf("sbom.%s[%d]", key, i), "duplicate %s", text)
			}
		}
	}
}
