package lint

import (
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

// judgePlatform judges the platform of an entry of an image, alone and against that of its config. config is nil if the
// config could not be read.
func judgePlatform(d v1.Descriptor, config *v1.Platform) (all []Finding) {
	say := func(name, format string, args ...any) {
		all = append(all, found(name, []v1.Hash{d.Digest}, format, args...))
	}
	p := d.Platform
	if p == nil || p.OS == "" || p.Architecture == "" {
		switch {
		case config == nil:
			say(missingPlatform, "entry %s states no platform", d.Digest)
		case config.OS != "":
			say(missingPlatform, "entry %s states no platform; its config is for %s", d.Digest, images.FormatPlatform(*config))
		default:
			say(missingPlatform, "entry %s states no platform, nor does its config", d.Digest)
		}
		return all
	}
	name := images.FormatPlatform(*p)
	normal := images.Normalize(*p)
	switch _, err := images.ParsePlatform(p.OS + "/" + p.Architecture); {
	case err != nil:
		say(unknownPlatform, "entry %s is for the %v", d.Digest, err)
		return all
	case normal.OS != p.OS || normal.Architecture != p.Architecture:
		say(platformSpelling, "entry %s is for %s, which is %s", d.Digest, name, images.FormatPlatform(normal))
	}
	if p.OS == "windows" {
		all = append(all, judgeOSVersion(d, config)...)
	}
	if normal.Architecture == "arm" && p.Variant == "" && (config == nil || config.Variant == "") {
		say(missingVariant, "entry %s is for %s without a variant", d.Digest, name)
	}
	if config == nil {
		return all
	}
	stated := images.PlatformFor(*config, *p)
	other := images.Normalize(stated)
	switch {
	case other.OS != normal.OS:
		say(contradictingOS, "entry %s is for %s, its config for %s", d.Digest, name, images.FormatPlatform(stated))
	case other.Architecture != normal.Architecture, config.Variant != "" && other.Variant != normal.Variant:
		say(contradictingArch, "entry %s is for %s, its config for %s", d.Digest, name, images.FormatPlatform(stated))
	}
	for _, feature := range stated.OSFeatures {
		if !slices.Contains(p.OSFeatures, feature) {
			say(missingOSFeatures, "entry %s for %s does not state the os.feature %s of its config", d.Digest, name, feature)
		}
	}
	return all
}

// judgeOSVersion judges the os.version of an entry for Windows. config is nil if the config could not be read.
func judgeOSVersion(d v1.Descriptor, config *v1.Platform) (all []Finding) {
	digests, version := []v1.Hash{d.Digest}, d.Platform.OSVersion
	stated := ""
	if config != nil {
		stated = config.OSVersion
	}
	switch {
	case version == "" && config == nil:
		all = append(all, found(missingOSVersion, digests, "entry %s for Windows states no os.version", d.Digest))
	case version == "" && stated == "":
		all = append(all, found(missingOSVersion, digests, "entry %s for Windows states no os.version, nor does its config", d.Digest))
	case version == "":
		all = append(all, found(missingOSVersion, digests, "entry %s for Windows states no os.version; its config says %s", d.Digest, stated))
	case images.WindowsBuild(version) == "" || strings.Count(version, ".") != 3:
		all = append(all, found(invalidOSVersion, digests, "entry %s for Windows has the os.version %q", d.Digest, version))
	case config != nil && stated == "":
		all = append(all, found(contradictingOSVersion, digests, "entry %s has the os.version %s, its config none", d.Digest, version))
	case config != nil && stated != version:
		all = append(all, found(contradictingOSVersion, digests, "entry %s has the os.version %s, its config %s", d.Digest, version, stated))
	}
	return all
}
