package plan

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/suggest"
	"github.com/slipway-build/slipway/internal/usage"
)

// Verbs maps the verbs to their parts, in the order in which they run. Commands offer them as build:images and as build
// --only images.
var Verbs = map[string][]string{
	"build":   {"binaries", "images"},
	"package": {"airgap", "bundles"},
	"publish": {"images", "index", "artifacts"},
}

// Systems are the operating systems to which a selection can be narrowed.
var Systems = []string{"linux", "windows"}

// A Selection is the part of a release that a command line selects.
type Selection struct {
	Verb  string
	Parts []string
	OS    string // one of Systems, or empty for all
	// Targets, unless empty, narrow the parts to single binaries, images, lists and bundles.
	Targets []Target
	// Shard, unless it is zero, narrows them to one of several shards. There are no Targets then.
	Shard Shard
}

// IsNarrow reports whether the selection has targets or a shard.
func (s Selection) IsNarrow() bool { return len(s.Targets) > 0 || s.Shard.Of > 0 }

// MakesImages reports whether the selection makes the images and indexes of the plan.
func (s Selection) MakesImages() bool {
	return s.Verb == "build" && slices.Contains(s.Parts, "images") || s.Verb == "package" && slices.Contains(s.Parts, "airgap")
}

// Select parses the words that narrow a verb: some of its parts, and at most one operating system. No words, or "all",
// select everything.
func Select(verb string, only []string) (Selection, error) {
	s := Selection{Verb: verb}
	parts := Verbs[verb]
	for _, word := range only {
		switch {
		case word == "all":
			s.Parts = parts
		case slices.Contains(parts, word):
			s.Parts = append(s.Parts, word)
		case slices.Contains(Systems, word) && verb != "publish" && (s.OS == "" || s.OS == word):
			s.OS = word
		default:
			offered := slices.Concat([]string{"all"}, parts)
			if verb != "publish" {
				offered = append(offered, Systems...)
			}
			if slices.Contains(offered, word) {
				return s, usage.Errorf("%s of %s: want one of %s, or none for both", verb, strings.Join(only, " and "), strings.Join(Systems, ", "))
			}
			return s, usage.Errorf("%s has no part %q%s: want %s", verb, word, suggest.DidYouMean(word, offered), strings.Join(offered, ", "))
		}
	}
	if len(s.Parts) == 0 {
		s.Parts = parts
	}
	return s, nil
}
