package config

import (
	"net/url"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/redact"
)

// Provenance says whether statements of how artifacts were made are written, and what they name.
type Provenance struct {
	// Position is its place in slipway.yaml. It is empty if the key is missing.
	Position Position `yaml:"-" json:"-"`

	When    expression.Condition `yaml:"when" json:"-" short:"true" doc:"condition: provenance is written if it holds; default: always"`
	Source  string               `yaml:"source" doc:"URL of the git repository; default: that of the remote origin, without credentials" example:"https://github.com/acme/acme"`
	Builder string               `yaml:"builder" doc:"URI of the builder, which policies compare; default: https://github.com/slipway-build/slipway" example:"https://github.com/acme/acme/blob/main/.github/workflows/release.yml"`
	Attest  bool                 `yaml:"attest" doc:"put the provenance of each image into its index, too, as docker buildx build --attest type=provenance does; default: false"`
}

// Wanted reports whether provenance is written.
func (p Provenance) Wanted() bool { return p.Position != (Position{}) && p.When.Holds(nil) }

func (v *validator) provenance() {
	v.publicURL("provenance.source", v.config.Provenance.Source)
	v.publicURL("provenance.builder", v.config.Provenance.Builder)
	v.attestedFormats("provenance.attest", v.config.Provenance.Attest)
}

// attestedFormats checks that indexes of all images can have attestations.
func (v *validator) attestedFormats(path string, attest bool) {
	if !attest {
		return
	}
	for _, image := range v.config.Images {
		if image.Format.MediaTypes == images.DockerMediaTypes {
			v.wrong(path, "image %s has docker media types, and Docker's manifest list cannot have attestations: want media-types: oci", image.Name)
		}
	}
}

// publicURL checks a URL that everybody may read.
func (v *validator) publicURL(path, text string) {
	switch u, err := url.Parse(text); {
	case text == "":
	case redact.Text(text) != text:
		v.wrong(path, "%q: provenance is public: remove the credentials from the URL", redact.Text(text))
	case err != nil || u.Scheme == "" || u.Host == "":
		v.wrong(path, "%q: want a URL with a scheme and a host, such as https://github.com/acme/acme", text)
	}
}
