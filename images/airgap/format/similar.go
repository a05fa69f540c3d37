package format

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/suggest"
)

// Similar returns up to five of the qualified names have that resemble want, the best first:
// other tags of its repository, then images of its base name in other repositories, then
// repositories that differ in few letters.
func Similar(want string, have []string) []string {
	type near struct {
		name string
		far  int
	}
	var list []near
	repo, base := SplitTag(want)
	for _, n := range have {
		otherRepo, otherBase := SplitTag(n)
		far := 0
		switch {
		case otherRepo == repo:
		case otherBase == base:
			far = 1
		default:
			far = 1 + suggest.Distance(otherRepo, repo)
			if far > 1+len(base)/3 {
				continue
			}
		}
		list = append(list, near{n, far})
	}
	slices.SortFunc(list, func(a, b near) int {
		if a.far != b.far {
			return a.far - b.far
		}
		return strings.Compare(a.name, b.name)
	})
	list = slices.Compact(list)
	var names []string
	for _, n := range list[:min(len(list), 5)] {
		names = append(names, n.name)
	}
	return names
}

// SplitTag returns the repository of a qualified name, and the last element of the repository.
func SplitTag(n string) (repo, base string) {
	repo = n[:strings.LastIndexByte(n, ':')]
	return repo, repo[strings.LastIndexByte(repo, '/')+1:]
}
