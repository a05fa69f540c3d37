package format

import (
	"slices"
	"strings"
)

// Similar returns up to five names like want, best first: other tags of the same
// repository, the same image of another registry, then what differs in few
// letters.
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
			far = 1 + distance(otherRepo, repo)
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

// SplitTag returns the repository of a qualified name, and its last part.
func SplitTag(n string) (repo, base string) {
	repo = n[:strings.LastIndexByte(n, ':')]
	return repo, repo[strings.LastIndexByte(repo, '/')+1:]
}

// distance is how many letters must be changed, added or taken away to make b of
// a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
