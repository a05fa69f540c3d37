package build

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

// Platform is a v1.Platform that JSON spells as everything else does.
type Platform struct{ v1.Platform }

// MarshalText spells p as images.FormatPlatform does.
func (p Platform) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Platform) UnmarshalText(text []byte) (err error) {
	p.Platform, err = images.ParsePlatform(string(text))
	return err
}

func (p Platform) String() string { return images.FormatPlatform(p.Platform) }
