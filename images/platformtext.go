package images

import (
	"errors"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Platform is a v1.Platform that JSON represents as text, in the spelling of FormatPlatform.
type Platform struct{ v1.Platform }

// MarshalText returns p in the spelling of FormatPlatform.
func (p Platform) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText parses the output of MarshalText.
func (p *Platform) UnmarshalText(text []byte) (err error) {
	p.Platform, err = ParsePlatform(string(text))
	return err
}

func (p Platform) String() string { return FormatPlatform(p.Platform) }

// ParsePlatforms parses several platforms. Its error joins the errors of all invalid ones.
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
