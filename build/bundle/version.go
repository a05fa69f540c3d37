package bundle

import (
	"fmt"
	"regexp"
	"strings"
)

// legalVersion matches upstream versions that both dpkg (deb-version(7)) and rpm (rpm-version(7))
// accept. It excludes hyphens: rpm does not allow them, and dpkg starts the revision at the last
// one.
var legalVersion = regexp.MustCompile(`^[0-9][0-9A-Za-z.+~]*$`)

// packageVersion converts a semantic version for packages:
//
//	v1.2.3            1.2.3
//	v1.2.3-rc1        1.2.3~rc1, as ~ sorts before the end
//	v1.2.3-rc1+rke2r1 1.2.3~rc1+rke2r1
//	v0.1.0+dev.1a2b-dirty  0.1.0+dev.1a2b.dirty
func packageVersion(version string) (string, error) {
	numbers, metadata, hasMetadata := strings.Cut(strings.TrimPrefix(version, "v"), "+")
	numbers, prerelease, hasPrerelease := strings.Cut(numbers, "-")
	spelled := numbers
	if hasPrerelease {
		spelled += "~" + strings.ReplaceAll(prerelease, "-", ".")
	}
	if hasMetadata {
		spelled += "+" + strings.ReplaceAll(metadata, "-", ".")
	}
	if !legalVersion.MatchString(spelled) {
		return "", fmt.Errorf("version %q: a package needs a version that starts with a digit and has only letters, digits, . + - and ~, such as v1.2.3-rc1+build.5", version)
	}
	return spelled, nil
}
