package glob

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
)

// A Set is the set of paths that some patterns select.
type Set struct {
	matcher *patternmatcher.PatternMatcher
	bases   []string
}

// special contains the characters that make an element a pattern.
const special = `*?[\`

// New returns the set of paths that patterns select: those that match a pattern, unless a later pattern with ! excludes
// them. An empty list selects nothing. An error quotes all patterns.
func New(patterns ...string) (*Set, error) {
	var cleaned []string
	s := &Set{}
	for _, p := range patterns {
		positive, negated := strings.CutPrefix(p, "!")
		if positive = path.Clean(positive); positive == "." {
			positive = "**"
		}
		if negated {
			cleaned = append(cleaned, "!"+positive)
			continue
		}
		cleaned = append(cleaned, positive)
		s.bases = append(s.bases, base(positive))
	}
	slices.Sort(s.bases)
	s.bases = slices.Compact(s.bases)
	var err error
	if s.matcher, err = patternmatcher.New(cleaned); err != nil {
		return nil, fmt.Errorf("%q: want a pattern of *, ?, [a-z] and **", strings.Join(patterns, " "))
	}
	return s, nil
}

// IsPattern reports whether path contains a character that makes it a pattern.
func IsPattern(path string) bool { return strings.ContainsAny(path, special) }

// base returns the path up to the first element that is a pattern, or "." if the first element is one.
func base(pattern string) string {
	var literal []string
	for element := range strings.SplitSeq(pattern, "/") {
		if IsPattern(element) {
			break
		}
		literal = append(literal, element)
	}
	return path.Clean(strings.Join(literal, "/"))
}

// Split splits pattern into the folder before its first special element, and the rest.
func Split(pattern string) (folder, below string) {
	pattern = path.Clean(pattern)
	folder = base(pattern)
	return folder, strings.TrimPrefix(strings.TrimPrefix(pattern, folder), "/")
}

// Has reports whether s selects a path.
func (s *Set) Has(path string) bool {
	matched, err := s.matcher.MatchesOrParentMatches(filepath.FromSlash(path))
	return err == nil && matched // New has compiled the patterns
}

// Walk calls see for each entry that s selects, including folders, sorted within each folder. place maps a path to one
// on disk. Walk reads only the folders where a pattern begins, and those below them. It does not follow links.
func (s *Set) Walk(place func(path string) string, see func(path string, entry fs.DirEntry) error) error {
	seen := map[string]bool{}
	for _, b := range s.bases {
		top := place(b)
		err := filepath.WalkDir(top, func(file string, entry fs.DirEntry, err error) error {
			if err != nil {
				if file == top && errors.Is(err, fs.ErrNotExist) {
					return nil
				}
				return err
			}
			rel, err := filepath.Rel(top, file)
			if err != nil {
				return err
			}
			name := path.Join(b, filepath.ToSlash(rel))
			if seen[name] {
				if entry.IsDir() {
					return fs.SkipDir // a base above has walked it
				}
				return nil
			}
			seen[name] = true
			if name == "." || !s.Has(name) {
				return nil
			}
			return see(name, entry)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
