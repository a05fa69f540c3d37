package report

import (
	"fmt"
	"slices"

	"github.com/slipway-build/slipway/build/record"
)

// AddRuns adds the runs that made the release, in the order in which they began. Those of another version or commit are
// left out, with a note.
func (r *Document) AddRuns(runs []*record.Record) {
	for _, run := range runs {
		if run.Project != r.Project || run.Release.Version != r.Release.Version || run.Release.Commit != r.Release.Commit {
			r.Notes = append(r.Notes, fmt.Sprintf("%s made %s %s, and is left out", run.Title(), run.Project, run.Release.Version))
			continue
		}
		r.Runs = append(r.Runs, run)
	}
	slices.SortStableFunc(r.Runs, func(a, b *record.Record) int { return a.Started.Compare(b.Started) })
}
