package version

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// IsSemantic reports whether a version is a semantic version, with or without a v before it. v1 and v1.36 are not.
func IsSemantic(version string) bool {
	numbers, _, _ := strings.Cut(withV(version), "+")
	return semver.IsValid(withV(version)) && semver.Canonical(numbers) == numbers
}

// Compare compares two versions by semantic versioning. The result is negative if a is lower, and 0 if they are equal.
// Versions that differ only in their build metadata are ordered by the numbers in it, so that v1.36.0+rke2r10 is higher
// than v1.36.0+rke2r9. A development version of version.base precedes that version, and one of the nearest tag follows
// it. Other text is lower than any semantic version.
func Compare(a, b string) int {
	a, b = withV(a), withV(b)
	if order := semver.Compare(a, b); order != 0 {
		return order
	}
	if before := ofBase.MatchString(a); before != ofBase.MatchString(b) {
		if before {
			return -1
		}
		return 1
	}
	return compareNumbers(a, b)
}

// ofBase matches a development version of version.base.
var ofBase = regexp.MustCompile(`[+.]dev(\.[0-9a-f]{8})?(-dirty)?$`)

// PrereleaseOf returns the pre-release identifiers of a semantic version, such as rc1 of v1.36.0-rc1+rke2r1, or "".
func PrereleaseOf(version string) string {
	return strings.TrimPrefix(semver.Prerelease(withV(version)), "-")
}

func withV(version string) string { return "v" + strings.TrimPrefix(version, "v") }

// highest returns the highest of the tags that match pattern, or "".
func highest(tags []string, pattern *regexp.Regexp) string {
	matching := slices.DeleteFunc(slices.Clone(tags), func(t string) bool { return !pattern.MatchString(t) })
	if len(matching) == 0 {
		return ""
	}
	return slices.MaxFunc(matching, Compare)
}

// digits matches runs of digits, and the text between them.
var digits = regexp.MustCompile(`[0-9]+|[^0-9]+`)

// compareNumbers compares runs of digits by their value and everything else by bytes.
func compareNumbers(a, b string) int {
	return slices.CompareFunc(digits.FindAllString(a, -1), digits.FindAllString(b, -1), func(x, y string) int {
		m, errM := strconv.ParseUint(x, 10, 64)
		n, errN := strconv.ParseUint(y, 10, 64)
		if errM == nil && errN == nil {
			return cmp.Compare(m, n)
		}
		return cmp.Compare(x, y)
	})
}
