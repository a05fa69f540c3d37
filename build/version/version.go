package version

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// A Release is the version of what is built, and the commit it is built from.
//
// The version is the first of these that there is:
//
//   - the environment variable TAG;
//   - the git tag on HEAD that matches version.pattern, the highest by semantic
//     version if several do, followed by -dirty if a tracked file differs;
//   - version.base, followed by +dev.<first 8 of the commit>[-dirty], or by +dev
//     where there is no git repository or no commit.
type Release struct {
	// Version is, for instance, v1.2.3+rke2r1.
	Version string `json:"version"`
	// Tag is Version with - for +, which no image tag can hold.
	Tag string `json:"tag"`
	// Commit is the full hash of HEAD, empty without git.
	Commit string `json:"commit,omitempty"`
	// Major, Minor and Patch are the numbers that Version begins with, after a v;
	// those that it lacks are empty.
	Major string `json:"major,omitempty"`
	Minor string `json:"minor,omitempty"`
	Patch string `json:"patch,omitempty"`
	// Dirty says that a tracked file differs from HEAD.
	Dirty bool `json:"dirty,omitempty"`
	// Epoch is the one time that stands in what is made: SOURCE_DATE_EPOCH, else
	// the time of the commit, else 1970.
	Epoch time.Time `json:"epoch"`
}

// Prerelease says whether semantic versioning calls the version one, as v1.2.3-rc1+rke2r1,
// and a version that no tag stands for.
func (r Release) Prerelease() bool {
	version, metadata, _ := strings.Cut(r.Version, "+")
	return strings.Contains(version, "-") || strings.HasPrefix(metadata, "dev") || r.Dirty
}

const (
	DefaultBase    = "v0.0.0"
	DefaultPattern = `^v?[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$`
)

var (
	// shape is what file names and, with - for +, image tags can hold (OCI
	// distribution-spec, "Pulling manifests").
	shape   = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.+-]*$`)
	numbers = regexp.MustCompile(`^v?([0-9]+)(?:\.([0-9]+)(?:\.([0-9]+))?)?`)
)

// choose returns the version of what is built from h, and whether TAG or a git tag names it. tag is the
// environment variable TAG, empty if it is not set; base and pattern are those of slipway.yaml.
func (h Head) Choose(tag, base string, pattern *regexp.Regexp) (version string, tagged bool, err error) {
	if tag != "" {
		version, err = versionOfTag(tag, h.Tags, pattern)
		return version, true, err
	}
	return versionOfHead(h, base, pattern), highest(h.Tags, pattern) != "", nil
}

// versionOfHead is the version where TAG does not say it.
func versionOfHead(h Head, base string, pattern *regexp.Regexp) string {
	dirty := ""
	if h.Dirty {
		dirty = "-dirty"
	}
	if tag := highest(h.Tags, pattern); tag != "" {
		return tag + dirty
	}
	version := base + "+dev"
	if strings.Contains(base, "+") {
		version = base + ".dev" // semantic versions have one + at most
	}
	if h.Commit == "" {
		return version
	}
	return version + "." + h.Commit[:8] + dirty
}

// release returns the Release of a version that is built from h at a time.
func (h Head) Release(version string, epoch time.Time) (Release, error) {
	if !shape.MatchString(version) {
		return Release{}, fmt.Errorf("version %q: want letters, digits and . _ - + only, as it stands in file names and image tags", version)
	}
	r := Release{
		Version: version, Tag: strings.ReplaceAll(version, "+", "-"),
		Commit: h.Commit, Dirty: h.Dirty, Epoch: epoch,
	}
	if m := numbers.FindStringSubmatch(version); m != nil {
		r.Major, r.Minor, r.Patch = m[1], m[2], m[3]
	}
	return r, nil
}

// versionOfTag is the version that TAG means. RKE2's jobs hand TAG on as they name
// images, with - for + (v1.36.0-rke2r1), and a CI that reacts to a git tag has the
// tag itself, with +. So TAG is, first, the tag on HEAD that becomes it; else
// itself, if it matches the pattern; else what matches the pattern when one - is
// read as +.
func versionOfTag(tag string, onHead []string, pattern *regexp.Regexp) (string, error) {
	if !strings.Contains(tag, "+") {
		var same []string
		for _, t := range onHead {
			if strings.ReplaceAll(t, "+", "-") == tag {
				same = append(same, t)
			}
		}
		if version := highest(same, pattern); version != "" {
			return version, nil
		}
	}
	if pattern.MatchString(tag) {
		return tag, nil
	}
	var candidates []string
	if !strings.Contains(tag, "+") {
		for i := range len(tag) {
			if c := tag[:i] + "+" + tag[i+1:]; tag[i] == '-' && pattern.MatchString(c) {
				candidates = append(candidates, c)
			}
		}
	}
	switch len(candidates) {
	case 1:
		return candidates[0], nil
	case 0:
		return "", fmt.Errorf("%q does not match version.pattern %s", tag, pattern)
	}
	return "", fmt.Errorf("%q may stand for any of %s: write it with +", tag, strings.Join(candidates, ", "))
}

// highest is the tag that matches pattern and is the highest by semantic
// version, build metadata compared too; empty if none matches.
func highest(tags []string, pattern *regexp.Regexp) string {
	matching := slices.DeleteFunc(slices.Clone(tags), func(t string) bool { return !pattern.MatchString(t) })
	if len(matching) == 0 {
		return ""
	}
	canonical := func(tag string) string { return "v" + strings.TrimPrefix(tag, "v") }
	return slices.MaxFunc(matching, func(a, b string) int {
		// An invalid version is less than any valid one; and semantic versioning
		// leaves open which of rke2r2 and rke2r10 comes later.
		return cmp.Or(semver.Compare(canonical(a), canonical(b)), compareNumbers(a, b))
	})
}

// compareNumbers compares runs of digits by their value and all else by bytes.
func compareNumbers(a, b string) int {
	runs := regexp.MustCompile(`[0-9]+|[^0-9]+`)
	return slices.CompareFunc(runs.FindAllString(a, -1), runs.FindAllString(b, -1), func(x, y string) int {
		m, errM := strconv.ParseUint(x, 10, 64)
		n, errN := strconv.ParseUint(y, 10, 64)
		if errM == nil && errN == nil {
			return cmp.Compare(m, n)
		}
		return cmp.Compare(x, y)
	})
}
