package version

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Release is a version, and the commit from which it is built.
type Release struct {
	// Version is the version, such as v1.2.3+rke2r1.
	Version string `json:"version"`
	// TagPrefix is the part of the git tag before Version: version.tag-prefix.
	TagPrefix string `json:"tagPrefix,omitempty"`
	// Tag is the image tag: Version with - instead of +, which image tags cannot contain.
	Tag string `json:"tag"`
	// Commit is the full hash of HEAD; empty without git.
	Commit string `json:"commit,omitempty"`
	// Major, Minor and Patch are the numbers at the beginning of Version, after a v. Missing numbers are empty.
	Major string `json:"major,omitempty"`
	Minor string `json:"minor,omitempty"`
	Patch string `json:"patch,omitempty"`
	// Dirty means that a tracked file differs from HEAD.
	Dirty bool `json:"dirty,omitempty"`
	// Epoch is the time in images and packages: SOURCE_DATE_EPOCH, else the time of the commit, else the beginning of
	// 1970.
	Epoch time.Time `json:"epoch"`
}

// Prerelease reports whether the version is a prerelease by semantic versioning, such as v1.2.3-rc1+rke2r1, or does not
// come from a git tag.
func (r Release) Prerelease() bool {
	version, metadata, _ := strings.Cut(r.Version, "+")
	return strings.Contains(version, "-") || strings.HasPrefix(metadata, "dev") || strings.Contains(metadata, ".dev.") || r.Dirty
}

// GitTag returns the git tag of the version.
func (r Release) GitTag() string { return r.TagPrefix + r.Version }

const (
	defaultBase    = "v0.0.0"
	DefaultPattern = `^v?[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$`
)

var (
	// shape matches versions that are valid in file names and, with - instead of +, in image tags (OCI
	// distribution-spec, "Pulling manifests").
	shape   = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.+-]*$`)
	numbers = regexp.MustCompile(`^v?([0-9]+)(?:\.([0-9]+)(?:\.([0-9]+))?)?`)
)

// A Scheme defines which git tags are versions, as in slipway.yaml.
type Scheme struct {
	// Prefix is the part of the project's tags before the version, such as cmd/x/.
	Prefix string
	// Pattern matches versions.
	Pattern *regexp.Regexp
	// Base is the version of an untagged commit. If it is empty, the version of the nearest tag is used, or else
	// defaultBase.
	Base string
}

// Choose returns the version of a build from h, and whether it comes from TAG or a git tag. tag is the environment
// variable TAG; empty if it is not set. describe is called if the nearest tag is needed.
func (h Head) Choose(tag string, s Scheme, describe func() (Description, error)) (version string, tagged bool, err error) {
	onHead := h.versions(s)
	if tag != "" {
		version, err = versionOfTag(strings.TrimPrefix(tag, s.Prefix), onHead, s.Pattern)
		return version, true, err
	}
	dirty := ""
	if h.Dirty {
		dirty = "-dirty"
	}
	if tag := highest(onHead, s.Pattern); tag != "" {
		return tag + dirty, true, nil
	}
	base, count := s.Base, ""
	if base == "" && h.Commit != "" {
		d, err := describe()
		if err != nil {
			return "", false, err
		}
		if d.Nearest != "" {
			base, count = strings.TrimPrefix(d.Nearest, s.Prefix), "."+strconv.Itoa(d.Since)
		}
	}
	base = cmp.Or(base, defaultBase)
	version = base + "+dev" + count
	if strings.Contains(base, "+") {
		version = base + ".dev" + count // a semantic version has at most one +
	}
	if h.Commit == "" {
		return version, false, nil
	}
	return version + "." + h.Commit[:8] + dirty, false, nil
}

// versions returns the tags of h that begin with the prefix, without it.
func (h Head) versions(s Scheme) []string {
	var versions []string
	for _, tag := range h.Tags {
		if version, ok := strings.CutPrefix(tag, s.Prefix); ok {
			versions = append(versions, version)
		}
	}
	return versions
}

// Release returns the Release of a version that is built from h. epoch is its time.
func (h Head) Release(version string, epoch time.Time) (Release, error) {
	if !shape.MatchString(version) {
		return Release{}, fmt.Errorf("version %q: want only letters, digits and . _ - +, since it is part of file names and image tags", version)
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

// versionOfTag returns the version for TAG. RKE2's jobs pass TAG in the form of image tags, with - instead of +
// (v1.36.0-rke2r1). A CI job for a git tag has the tag itself, with +. The version is therefore the tag on HEAD whose
// image tag is TAG; else TAG itself, if it matches pattern; else TAG with one - replaced by +, so that it matches
// pattern.
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
	return "", fmt.Errorf("%q is ambiguous: it may mean %s: write it with +", tag, strings.Join(candidates, ", "))
}
