package images

import (
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Platform is a v1.Platform that JSON spells as everything else does.
type Platform struct{ v1.Platform }

// MarshalText spells p as FormatPlatform does.
func (p Platform) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Platform) UnmarshalText(text []byte) (err error) {
	p.Platform, err = ParsePlatform(string(text))
	return err
}

func (p Platform) String() string { return FormatPlatform(p.Platform) }

// ParsePlatforms reads several platforms. Its error joins those of all texts that are not platforms.
func ParsePlatforms(texts []string) ([]v1.Platform, error) {
	var (
		platforms []v1.Platform
		errs      []error
	)
	for _, text := range texts {
		p, err := ParsePlatform(text)
		if err != nil {
			errs = append(errs, err)
		}
		platforms = append(platforms, p)
	}
	return platforms, errors.Join(errs...)
}
