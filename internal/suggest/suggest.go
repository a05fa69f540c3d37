package suggest

import (
	"fmt"
	"strings"
)

// DidYouMean returns ` (did you mean "candidate"?)`, to append to a message, or "" if no candidate is similar. At most
// a third of the letters of word may be wrong, but one always may.
func DidYouMean(word string, candidates []string) string {
	if near := Nearest(word, candidates, max(1, len(word)/3)); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

// Nearest returns the candidate with the smallest distance to word; of several, the first. It returns "" if every
// distance is larger than limit, or at least as large as the candidate.
func Nearest(word string, candidates []string, limit int) string {
	best, least := "", limit+1
	for _, c := range candidates {
		if d := Distance(strings.ToLower(word), strings.ToLower(c)); d < least && d < len(c) {
			best, least = c, d
		}
	}
	return best
}

// Distance returns the distance of two words. It distinguishes upper and lower case.
func Distance(a, b string) int {
	// before, last and row are three rows of the table of distances between prefixes of a and b.
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
