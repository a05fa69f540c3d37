package compare

import (
	"context"
	"fmt"
)

const (
	// maxSaid is the number of differences of one kind that are listed, before the rest is counted.
	maxSaid = 10
	// maxKept is the number of differences of a pair that are listed, before the rest is counted.
	maxKept = 1000
)

// A run compares one pair. Differences that follow from others, such as the digest of a member, are only in its result if
// there are no others.
type run struct {
	*Comparer
	ctx   context.Context // of the call; a run does not outlive it
	found []Difference
	// following are the differences in digests.
	following []Difference
	// more and moreFollowing are the numbers of differences beyond maxKept.
	more, moreFollowing int
	depth               int
}

// result returns the differences of the artifact called name.
func (r *run) result(name string) []Difference {
	all, more := r.found, r.more
	if len(all) == 0 {
		all, more = r.following, r.moreFollowing
	}
	if more > 0 {
		all = append(all, Difference{[]string{name}, fmt.Sprintf("%d more differences", more)})
	}
	return all
}

// count is the number of differences so far.
func (r *run) count() int { return len(r.found) + r.more + len(r.following) + r.moreFollowing }

// keep adds a difference to those that were found, or only counts it.
func (r *run) keep(d Difference) {
	if len(r.found) == maxKept {
		r.more++
		return
	}
	r.found = append(r.found, d)
}

// keepFollowing adds a difference that follows from others, or only counts it.
func (r *run) keepFollowing(d Difference) {
	if len(r.following) == maxKept {
		r.moreFollowing++
		return
	}
	r.following = append(r.following, d)
}

// values says that two values at a path differ. what names the value; shownA and shownB are a and b as messages show them.
func (r *run) values(path []string, what, a, b, shownA, shownB string) {
	said := Difference{append([]string(nil), path...), fmt.Sprintf("%s differs: %s and %s", what, shownA, shownB)}
	if follows(a, b) {
		r.keepFollowing(said)
		return
	}
	said.What += r.cause(a, b)
	r.keep(said)
}

func (r *run) say(path []string, format string, args ...any) {
	r.keep(Difference{Path: append([]string(nil), path...), What: fmt.Sprintf(format, args...)})
}
