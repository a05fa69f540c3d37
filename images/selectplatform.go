package images

import (
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// SelectPlatform returns the index in offered of the platform that can be used for want.
//
//   - Operating system and architecture must be equal.
//   - If the wanted variant is missing, the highest lower one serves, as in containerd
//     (platforms.Only): linux/arm/v7 takes v7, v6, then v5, and linux/amd64/v3 takes v3, v2,
//     then v1. linux/arm is linux/arm/v7.
//   - A Windows version serves if all four numbers are equal, else the newest one of the same
//     build.
//   - Nothing is guessed: a want without a Windows version is an error if several are offered,
//     and so is a missing build.
//   - An image without a platform is selected if it is the only one.
//
// containerd also accepts 386 for amd64, arm for arm64, and an older build of Windows.
// SelectPlatform does not, since such images may not run on the node. The error is a
// *NoPlatformError.
func SelectPlatform(want v1.Platform, offered []v1.Platform) (int, error) {
	best := -1
	ambiguous := false
	if len(offered) == 1 {
		offered = []v1.Platform{PlatformFor(offered[0], want)}
	}
	variants := platforms.Only(oci(v1.Platform{OS: want.OS, Architecture: want.Architecture, Variant: want.Variant}))
	variant := func(p v1.Platform) ocispec.Platform {
		return oci(v1.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant})
	}
	wanted := Normalize(want)
	for i, o := range offered {
		have := Normalize(o)
		if have.OS != wanted.OS || have.Architecture != wanted.Architecture || !hasAll(o.OSFeatures, want.OSFeatures) {
			continue
		}
		if have.Variant != wanted.Variant && !variants.Match(variant(o)) {
			continue
		}
		if want.OSVersion != "" && o.OSVersion != want.OSVersion && !sameBuild(o.OSVersion, want.OSVersion) {
			continue
		}
		switch {
		case best < 0:
			best = i
		case want.OSVersion == "" && o.OSVersion != offered[best].OSVersion:
			ambiguous = true
		case offered[best].OSVersion != want.OSVersion && (o.OSVersion == want.OSVersion ||
			CompareOSVersions(o.OSVersion, offered[best].OSVersion) > 0):
			best = i
		case o.OSVersion == offered[best].OSVersion && variants.Less(variant(o), variant(offered[best])):
			best = i
		}
	}
	if best < 0 || ambiguous {
		return -1, &NoPlatformError{Want: want, Offered: offered, Ambiguous: ambiguous}
	}
	return best, nil
}

// PlatformFor returns the platform of an image that was requested for want: the
// platform of its config, completed from want. `crane append` makes images without a
// platform.
func PlatformFor(stated, want v1.Platform) v1.Platform {
	if stated.OS == "" {
		stated.OS, stated.OSVersion, stated.OSFeatures = want.OS, want.OSVersion, want.OSFeatures
	}
	if stated.Architecture == "" {
		stated.Architecture, stated.Variant = want.Architecture, want.Variant
	}
	return stated
}

// EntryPlatform returns the platform of an image from the platform of its index entry, said, and
// that of its config, stated. Each completes the other. If architectures or variants differ, the
// entry's is returned and differs is set: clients choose by the entry, and some images have the
// config of another build (kubernetes#104085). Different operating systems or versions of Windows
// are an error, since no node runs such an image.
func EntryPlatform(said, stated v1.Platform) (p v1.Platform, differs bool, err error) {
	p = PlatformFor(stated, said)
	entry, config := spelled(said), spelled(p)
	if entry.OS != "" && entry.OS != config.OS || entry.OSVersion != "" && entry.OSVersion != config.OSVersion {
		return p, true, fmt.Errorf("the index has platform %s, but the image's config has %s", FormatPlatform(said), FormatPlatform(p))
	}
	switch {
	case entry.Architecture != "" && entry.Architecture != config.Architecture:
		p.Architecture, p.Variant, differs = said.Architecture, said.Variant, true
	case entry.Variant != "" && config.Variant != "" && entry.Variant != config.Variant:
		p.Variant, differs = said.Variant, true
	case p.Variant == "":
		p.Variant = said.Variant
	}
	if len(p.OSFeatures) == 0 {
		p.OSFeatures = said.OSFeatures
	}
	return p, differs, nil
}

// sameBuild reports whether two Windows versions have the same build.
func sameBuild(a, b string) bool {
	build := WindowsBuild(a)
	return build != "" && build == WindowsBuild(b)
}

func hasAll(have, want []string) bool {
	return !slices.ContainsFunc(want, func(f string) bool { return !slices.Contains(have, f) })
}

// A NoPlatformError means that no offered platform serves the wanted one, or that
// several do.
type NoPlatformError struct {
	Want      v1.Platform
	Offered   []v1.Platform
	Ambiguous bool
}

func (e *NoPlatformError) Error() string {
	offered := make([]string, 0, len(e.Offered))
	for _, p := range e.Offered {
		switch p.OS {
		case "unknown":
		case "":
			offered = append(offered, "an image that states no platform")
		default:
			offered = append(offered, FormatPlatform(p))
		}
	}
	list := strings.Join(offered, ", ")
	if list == "" {
		list = "no platform at all"
	}
	if e.Ambiguous {
		return fmt.Sprintf("platform %s names no os.version and several are offered: %s", FormatPlatform(e.Want), list)
	}
	return fmt.Sprintf("no image for platform %s; it offers %s", FormatPlatform(e.Want), list)
}
