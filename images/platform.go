package images

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ports are the operating systems and architectures for which Go can build (`go tool dist list`, Go
// 1.26), except those that no container runtime supports.
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

// systems and architectures are the valid ones of images: the names that Go knows or
// knew (internal/syslist), to which OCI's image-spec refers. An image without Go
// programs does not need a port of Go.
var (
	systems = []string{"aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "netbsd",
		"openbsd", "plan9", "solaris", "wasip1", "windows", "zos"}
	architectures = []string{"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc", "ppc64",
		"ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm"}
)

// CheckPort returns an error if Go cannot build programs for p.
func CheckPort(p v1.Platform) error {
	archs, ok := ports[p.OS]
	if !ok {
		return fmt.Errorf("platform %s: Go has no port for %s; it has %s", FormatPlatform(p), p.OS, strings.Join(slices.Sorted(maps.Keys(ports)), ", "))
	}
	if !slices.Contains(archs, p.Architecture) {
		return fmt.Errorf("platform %s: Go has no port for %s on %s; it has %s", FormatPlatform(p), p.Architecture, p.OS, strings.Join(archs, ", "))
	}
	return nil
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
// It rejects unknown systems and architectures, which v1.ParsePlatform accepts.
// linux/arm keeps its spelling, which is part of file names; see Normalize.
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
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	p = spelled(p)
	if !slices.Contains(systems, p.OS) {
		return fail("%q is not an operating system; known are %s", p.OS, strings.Join(systems, ", "))
	}
	if !slices.Contains(architectures, p.Architecture) {
		return fail("%q is not an architecture; known are %s", p.Architecture, strings.Join(architectures, ", "))
	}
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

// PlatformPattern returns a regular expression of the platforms that ParsePlatform
// accepts in a project, for editors: known systems and architectures by their own
// names, and any other spelling that has letters that ParsePlatform folds.
func PlatformPattern() string {
	return "^(" + strings.Join(systems, "|") + "|macos)/(" + strings.Join(architectures, "|") + "|x86_64|x86-64|aarch64|armhf|armel|i386)(/[a-z0-9._-]+)?$|[A-Z]"
}

// Normalize spells p as containerd and BuildKit do (containerd/platforms, Normalize):
// linux/arm becomes linux/arm/v7, the variants amd64/v1 and arm64/v8 are removed, and
// features are sorted. Two platforms are the same if Normalize makes them equal.
func Normalize(p v1.Platform) v1.Platform {
	if p.OS == "" {
		return p // where containerd assumes the system of this program
	}
	n := platforms.Normalize(oci(p))
	p.OS, p.Architecture, p.Variant, p.OSFeatures = n.OS, n.Architecture, n.Variant, n.OSFeatures
	return p
}

// oci converts p to the type of the OCI specification's module.
func oci(p v1.Platform) ocispec.Platform {
	return ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures}
}

// spelled is Normalize, but keeps an arm without variant, since a config without
// variant may be for any.
func spelled(p v1.Platform) v1.Platform {
	n := Normalize(p)
	if n.Architecture == "arm" && n.Variant == "v7" && p.Variant == "" {
		n.Variant = ""
	}
	return n
}

// FormatPlatform returns p as go-containerregistry spells it, such as
// windows/amd64:10.0.20348.4294. Slipway prints no other spelling.
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

// ContainerdPlatform returns p as containerd and BuildKit spell it, with the version
// and features, which their platforms.Format drops:
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

// PlatformSlug returns p for file names and tags, such as linux-amd64 or linux-arm-v7.
// It leaves out the os.version, for which names use the name of the Windows version.
func PlatformSlug(p v1.Platform) string {
	s := p.OS + "-" + p.Architecture
	if p.Variant != "" {
		s += "-" + p.Variant
	}
	return s
}

// ComparePlatforms orders the entries of an index: Linux first, then other systems by
// name, then by architecture and variant, and Windows versions newest first,
// numerically. containerd on Windows takes the first compatible entry, so an older one
// in front would hide the right one (containerd#11366).
//
// Spellings of one platform are equal, see Normalize.
func ComparePlatforms(a, b v1.Platform) int {
	a, b = Normalize(a), Normalize(b)
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
		cmp.Compare(a.Variant, b.Variant),
		CompareOSVersions(b.OSVersion, a.OSVersion),
		slices.Compare(a.OSFeatures, b.OSFeatures),
	)
}

// CompareOSVersions compares two Windows versions number by number. A missing number is
// less than any other.
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
