package images

import (
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A PlatformKey identifies a platform. Unlike v1.Platform it is comparable, so that it can be the
// key of a map. Spellings of one platform have the same key.
type PlatformKey struct{ os, architecture, variant, osVersion, osFeatures string }

// KeyOf returns the key of p. See Normalize.
func KeyOf(p v1.Platform) PlatformKey {
	p = Normalize(p)
	features := slices.Sorted(slices.Values(p.OSFeatures))
	return PlatformKey{p.OS, p.Architecture, p.Variant, p.OSVersion, strings.Join(features, "+")}
}

// SamePlatform reports whether a and b are spellings of one platform.
func SamePlatform(a, b v1.Platform) bool { return KeyOf(a) == KeyOf(b) }

// WindowsBuild returns the part of an os.version that decides whether a Windows image runs on a
// node: major.minor.build, such as 10.0.20348. It returns "" for text that is not an os.version.
func WindowsBuild(osVersion string) string {
	numbers, err := parseOSVersion(osVersion)
	if err != nil || len(numbers) == 0 {
		return ""
	}
	return strings.Join(strings.Split(osVersion, ".")[:3], ".")
}
