package lint

import (
	"slices"
	"strings"

	"github.com/containerd/platforms"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/slipway-build/slipway/images"
)

// windowsBuilds are the versions of Windows that nodes of Kubernetes run: Server 2019, 2022, 23H2 and 2025.
var windowsBuilds = []string{"10.0.17763", "10.0.20348", "10.0.25398", "10.0.26100"}

// maxWindows is the number of entries whose versions of Windows are judged in addition to windowsBuilds. Most indexes
// have only a few; a hostile index may have thousands.
const maxWindows = 100

// choose returns the entry that containerd takes for a node, or -1. Entries state their platform. containerd sorts the
// matching entries by preference and takes the first (core/images.Manifest). Among equal entries, the order in the
// index decides.
func choose(node v1.Platform, entries []v1.Descriptor) int {
	matcher, best := platforms.Only(spec(node)), -1
	for i, d := range entries {
		if p := spec(*d.Platform); matcher.Match(p) && (best < 0 || matcher.Less(p, spec(*entries[best].Platform))) {
			best = i
		}
	}
	return best
}

func spec(p v1.Platform) ocispec.Platform {
	return ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures}
}

// judgeWindowsOrder finds versions of Windows whose nodes do not get the image for their version. entries are the
// entries for Windows on one architecture.
func judgeWindowsOrder(entries []v1.Descriptor) (all []Finding) {
	builds := slices.Clone(windowsBuilds)
	for _, d := range entries[:min(len(entries), maxWindows)] {
		if build := images.WindowsBuild(d.Platform.OSVersion); build != "" {
			builds = append(builds, build)
		}
	}
	slices.SortFunc(builds, images.CompareOSVersions)
	type mistake struct{ taken, right int }
	var mistakes []mistake
	nodes := map[mistake][]string{}
	for _, build := range slices.Compact(builds) {
		node := v1.Platform{OS: "windows", Architecture: entries[0].Platform.Architecture, OSVersion: build}
		taken, right := choose(node, entries), rightFor(node, entries)
		if taken < 0 || right < 0 || images.WindowsBuild(entries[taken].Platform.OSVersion) == images.WindowsBuild(entries[right].Platform.OSVersion) {
			continue
		}
		m := mistake{taken, right}
		if nodes[m] == nil {
			mistakes = append(mistakes, m)
		}
		nodes[m] = append(nodes[m], build)
	}
	for _, m := range mistakes {
		taken, right := entries[m.taken], entries[m.right]
		version := taken.Platform.OSVersion
		if version == "" {
			version = "an image without os.version"
		}
		all = append(all, found(windowsOrder, []v1.Hash{taken.Digest, right.Digest}, "nodes with Windows %s take %s (%s) instead of %s (%s), which comes later",
			strings.Join(nodes[m], ", "), version, taken.Digest, right.Platform.OSVersion, right.Digest))
	}
	return all
}

// rightFor returns the entry that a node with Windows should take, which is the newest build that it can run, or -1.
func rightFor(node v1.Platform, entries []v1.Descriptor) int {
	matcher, best := platforms.Only(spec(node)), -1
	for i, d := range entries {
		p := *d.Platform
		if images.WindowsBuild(p.OSVersion) != "" && matcher.Match(spec(p)) &&
			(best < 0 || images.CompareOSVersions(p.OSVersion, entries[best].Platform.OSVersion) > 0) {
			best = i
		}
	}
	return best
}

// judgeVariants finds entries that come before one for older processors, and architectures whose nodes get an image for
// another architecture. entries are those of one operating system other than Windows.
func judgeVariants(entries []v1.Descriptor) (all []Finding) {
	first := map[string]v1.Descriptor{} // by architecture
	var architectures []string
	late := map[string]bool{}
	for _, d := range entries {
		p := images.Normalize(*d.Platform)
		before, ok := first[p.Architecture]
		if !ok {
			first[p.Architecture] = d
			architectures = append(architectures, p.Architecture)
		} else if !late[p.Architecture] && images.ComparePlatforms(*before.Platform, *d.Platform) > 0 {
			late[p.Architecture] = true
			all = append(all, found(variantOrder, []v1.Hash{before.Digest, d.Digest}, "%s (%s) comes before %s (%s)",
				images.FormatPlatform(*before.Platform), before.Digest, images.FormatPlatform(*d.Platform), d.Digest))
		}
	}
	for _, arch := range architectures {
		if _, err := images.ParsePlatform(entries[0].Platform.OS + "/" + arch); err != nil {
			continue // No node has it. A hostile index may have thousands.
		}
		// The platform of a node, as containerd detects it: a variant is stated only for arm.
		node := v1.Platform{OS: entries[0].Platform.OS, Architecture: arch}
		taken := choose(node, entries)
		if taken < 0 {
			continue
		}
		if d := entries[taken]; images.Normalize(*d.Platform).Architecture != arch {
			all = append(all, found(otherArchitecture, []v1.Hash{d.Digest}, "nodes with %s take %s (%s): every image for %s requires a newer processor",
				images.FormatPlatform(node), images.FormatPlatform(*d.Platform), d.Digest, arch))
		}
	}
	return all
}
