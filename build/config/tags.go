package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/build/version"
)

// A Tag is an additional tag of an image's index. After Load, an Image has only the tags whose condition is true and
// whose text is not empty.
type Tag struct {
	// Position is its location in slipway.yaml.
	Position Position `yaml:"-" json:"-"`
	// Skipped is the reason why this version does not get the tag, or empty.
	Skipped string `yaml:"-" json:"-"`

	// Tag is a valid image tag after Load, unless it is skipped.
	Tag  string               `yaml:"tag" short:"true" doc:"text of the tag, such as v${MAJOR}.${MINOR}; + and other characters that tags cannot contain become -; an empty tag is omitted"`
	When expression.Condition `yaml:"when" json:"-" doc:"condition, such as ${REGISTRY} == \"docker.io\": the image gets the tag only if it holds"`
	// Moves is never empty after Load.
	Moves string `yaml:"moves" enum:"never forward newest always" doc:"which version replaces another one under the tag: never; forward: a newer one, but no pre-release; newest: a newer one; always: any; default: never if the tag contains the version, newest if it contains the commit, else forward"`
}

// Values of Tag.Moves.
const (
	MovesNever   = "never"
	MovesForward = "forward"
	MovesNewest  = "newest"
	MovesAlways  = "always"
)

var (
	// tagShape matches the tags in the <reference> of the OCI distribution-spec ("Pulling manifests").
	tagShape = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
	notInTag = regexp.MustCompile(`[^A-Za-z0-9._-]`)
)

// tags checks the tags of an image, and removes those that it does not get.
func (v *validator) tags(path string, image *Image) {
	release, own := v.config.Release, map[string]string{}
	for _, suffix := range v.platformSuffixes() {
		own[release.Tag+suffix] = "the image of a platform gets this tag"
	}
	var tags []Tag
	for i, tag := range image.Tags {
		path := fmt.Sprintf("%s.tags[%d]", path, i)
		tag.Tag = notInTag.ReplaceAllString(tag.Tag, "-")
		if keys := v.decoder.keyAt; keys[path+".tag"].Line == 0 && keys[path+".when"].Line+keys[path+".moves"].Line > 0 {
			v.wrong(path, "missing key \"tag\"")
		}
		if !tag.When.Holds(nil) || tag.Tag == "" || tag.Tag == release.Tag {
			continue // the index has the version's tag anyway
		}
		if tag.Moves == "" {
			tag.Moves = usuallyMoves(tag.Tag, release)
		}
		if tag.Moves == MovesForward {
			tag.Skipped = v.config.notForward()
		}
		switch taken := own[tag.Tag]; {
		case tag.Skipped != "": // its text may be incomplete
		case !tagShape.MatchString(tag.Tag) || strings.HasSuffix(tag.Tag, "."):
			v.wrong(path, "%q: want a tag of letters, digits and . _ -, of at most 128 characters, which begins with a letter, a digit or _", tag.Tag)
		case taken != "":
			v.wrong(path, "%s: %s", tag.Tag, taken)
		}
		if !slices.ContainsFunc(tags, func(t Tag) bool { return t.Tag == tag.Tag }) {
			tags = append(tags, tag)
		}
	}
	image.Tags = tags
}

// usuallyMoves returns the default of Tag.Moves. A version, with or without its v, belongs to one release. A commit may
// be released again, as a candidate and then as the final version.
func usuallyMoves(tag string, r version.Release) string {
	switch {
	case strings.Contains(tag, strings.TrimPrefix(r.Tag, "v")):
		return MovesNever
	case len(r.Commit) >= 8 && strings.Contains(tag, r.Commit[:8]):
		return MovesNewest
	}
	return MovesForward
}

// notForward returns the reason why the version does not get tags that move forward, or "".
func (c *Config) notForward() string {
	switch r := c.Release; {
	case c.Untagged || r.Dirty:
		return r.Version + " is not the version of a git tag"
	case !version.IsSemantic(r.Version):
		return r.Version + " is not a semantic version"
	case r.Prerelease():
		return r.Version + " is a pre-release"
	}
	return ""
}
