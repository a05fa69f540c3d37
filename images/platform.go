package images

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ports are the operating systems and architectures that Go can build for
// (`go tool dist list`, Go 1.26), without those no container runtime knows.
var ports = map[string][]string{
	"aix":     {"ppc64"},
	"darwin":  {"amd64", "arm64"},
	"freebsd": {"386", "amd64", "arm", "arm64"},
	"illumos": {"amd64"},
	"linux": {"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle",
		"ppc64", "ppc64le", "riscv64", "s390x"},
	"netbsd":  {"386", "amd64", "arm", "arm64"},
	"openbsd": {"386", "amd64", "arm", "arm64", "ppc64", "riscv64"},
	"solaris": {"amd64"},
	"wasip1":  {"wasm"},
	"windows": {"386", "amd64", "arm64"},
}

// archAliases are the machine names of uname and of Debian for Go's.
var archAliases = map[string]string{
	"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386",
	"armhf": "arm", "armel": "arm",
}

// ParsePlatform reads a platform in either of the two spellings in use,
// go-containerregistry's and crane's
//
//	windows/amd64:10.0.20348.4294    linux/arm/v7    linux/amd64
//
// and containerd's and BuildKit's
//
//	windows(10.0.20348.4294+win32k)/amd64
//
// It refuses what Go has no port for, and what is not a platform at all, where
// v1.ParsePlatform accepts anything.
func ParsePlatform(s string) (v1.Platform, error) {
	var p v1.Platform
	fail := func(format string, args ...any) (v1.Platform, error) {
		return v1.Platform{}, fmt.Errorf("platform %q: %s", s, fmt.Sprintf(format, args...))
	}
	rest := s
	if os, after, ok := strings.Cut(s, "("); ok {
		options, arch, ok := strings.Cut(after, ")")
		if !ok || !strings.HasPrefix(arch, "/") {
			return fail("want os(version)/architecture, such as windows(10.0.20348.4294)/amd64")
		}
		rest = os + arch
		version, features, _ := strings.Cut(options, "+")
		p.OSVersion = version
		if features != "" {
			p.OSFeatures = strings.Split(features, "+")
		}
	} else if before, version, ok := strings.Cut(s, ":"); ok {
		if version == "" {
			return fail("an os.version must follow the colon")
		}
		rest, p.OSVersion = before, version
	}
	parts := strings.Split(strings.ToLower(rest), "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return fail("want os/architecture[/variant][:os.version], such as linux/amd64 or windows/amd64:10.0.20348.4294")
	}
	p.OS, p.Architecture = parts[0], parts[1]
	if a, ok := archAliases[p.Architecture]; ok {
		p.Architecture = a
	}
	archs, ok := ports[p.OS]
	if !ok {
		return fail("Go knows no operating system %q; it knows %s", p.OS, strings.Join(slices.Sorted(mapKeys(ports)), ", "))
	}
	if !slices.Contains(archs, p.Architecture) {
		return fail("Go has no port for %s on %s; it has %s", p.Architecture, p.OS, strings.Join(archs, ", "))
	}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	p.Variant = normalVariant(p.Architecture, p.Variant)
	if p.OSVersion != "" {
		if p.OS != "windows" {
			return fail("only Windows images have an os.version")
		}
		if _, err := parseOSVersion(p.OSVersion); err != nil {
			return fail("%v", err)
		}
	}
	return p, nil
}

func mapKeys[K cmp.Ordered, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// normalVariant spells the usual variant of an architecture as none, as
// containerd/platforms does: amd64/v1, arm64/v8. 32-bit arm keeps its variant,
// since v6 and v7 are both in use.
func normalVariant(arch, variant string) string {
	switch {
	case arch == "amd64" && variant == "v1", arch == "arm64" && (variant == "v8" || variant == "8"):
		return ""
	case arch == "arm" && len(variant) == 1:
		return "v" + variant
	}
	return variant
}

// FormatPlatform spells p as go-containerregistry does:
// windows/amd64:10.0.20348.4294. It is the one spelling Slipway prints.
func FormatPlatform(p v1.Platform) string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	if p.OSVersion != "" {
		s += ":" + p.OSVersion
	}
	return s
}

// ContainerdPlatform spells p as containerd and BuildKit do, with the version
// and features that platforms.Format of theirs would lose:
// windows(10.0.20348.4294+win32k)/amd64.
func ContainerdPlatform(p v1.Platform) string {
	s := p.OS
	if p.OSVersion != "" || len(p.OSFeatures) > 0 {
		s += "(" + strings.Join(append([]string{p.OSVersion}, p.OSFeatures...), "+") + ")"
	}
	s += "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// PlatformSlug is p as it stands in file names and tags: linux-amd64,
// linux-arm-v7. The os.version is left out; names spell the Windows version by
// its name.
func PlatformSlug(p v1.Platform) string {
	s := p.OS + "-" + p.Architecture
	if p.Variant != "" {
		s += "-" + p.Variant
	}
	return s
}

// ComparePlatforms is the order of entries in an index: Linux first, then the
// other systems by name, then by architecture and variant, and Windows versions
// newest first, numerically. containerd on Windows takes the first entry that is
// compatible, so that an older one in front would hide the right one
// (containerd#11366).
func ComparePlatforms(a, b v1.Platform) int {
	rank := func(p v1.Platform) int {
		switch p.OS {
		case "linux":
			return 0
		case "windows":
			return 2
		case "unknown":
			return 3
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(a.OS, b.OS),
		cmp.Compare(a.Architecture, b.Architecture),
		cmp.Compare(normalVariant(a.Architecture, a.Variant), normalVariant(b.Architecture, b.Variant)),
		CompareOSVersions(b.OSVersion, a.OSVersion),
		slices.Compare(a.OSFeatures, b.OSFeatures),
	)
}

// CompareOSVersions compares two Windows versions number by number; a missing
// number is less than any.
func CompareOSVersions(a, b string) int {
	x, _ := parseOSVersion(a)
	y, _ := parseOSVersion(b)
	return slices.Compare(x, y)
}

// parseOSVersion reads major.minor.build[.revision].
func parseOSVersion(s string) ([]uint64, error) {
	if s == "" {
		return nil, nil
	}
	parts := strings.Split(s, ".")
	if len(parts) < 3 || len(parts) > 4 {
		return nil, fmt.Errorf("os.version %q: want three or four numbers, such as 10.0.20348.4294", s)
	}
	numbers := make([]uint64, len(parts))
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("os.version %q: %q is not a number", s, part)
		}
		numbers[i] = n
	}
	return numbers, nil
}

// sameBuild says whether two Windows versions agree in major, minor and build,
// which is what decides whether a Windows image runs on a node.
func sameBuild(a, b string) bool {
	x, errX := parseOSVersion(a)
	y, errY := parseOSVersion(b)
	return errX == nil && errY == nil && len(x) >= 3 && len(y) >= 3 && slices.Equal(x[:3], y[:3])
}

// SelectPlatform returns the index in offered of the platform that serves
// want. OS and architecture must be equal; the variant too, where want has one
// (linux/arm without one takes v7, then v6). A Windows version is taken when all
// four numbers are equal, else the newest of the same build; nothing is ever
// guessed: a want without a version where several are offered is an error, as is
// a build that is not there. The error is a *NoPlatformError.
func SelectPlatform(want v1.Platform, offered []v1.Platform) (int, error) {
	best := -1
	ambiguous := false
	for i, o := range offered {
		if o.OS != want.OS || o.Architecture != want.Architecture || !hasAll(o.OSFeatures, want.OSFeatures) {
			continue
		}
		have, wanted := normalVariant(o.Architecture, o.Variant), normalVariant(want.Architecture, want.Variant)
		if have != wanted && (wanted != "" || want.Architecture != "arm") {
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
		case o.OSVersion == offered[best].OSVersion && o.Variant > offered[best].Variant:
			best = i
		}
	}
	if best < 0 || ambiguous {
		return -1, &NoPlatformError{Want: want, Offered: offered, Ambiguous: ambiguous}
	}
	return best, nil
}

func hasAll(have, want []string) bool {
	return !slices.ContainsFunc(want, func(f string) bool { return !slices.Contains(have, f) })
}

// NoPlatformError says that none, or more than one, of the platforms offered
// serves the one wanted.
type NoPlatformError struct {
	Want      v1.Platform
	Offered   []v1.Platform
	Ambiguous bool
}

func (e *NoPlatformError) Error() string {
	offered := make([]string, 0, len(e.Offered))
	for _, p := range e.Offered {
		if p.OS != "unknown" {
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

// IsNoPlatform reports whether err is, or wraps, a *NoPlatformError.
func IsNoPlatform(err error) bool {
	var e *NoPlatformError
	return errors.As(err, &e)
}
