package page

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/report"
	"github.com/slipway-build/slipway/build/why"
)

// caching shows what was made again, and why.
func caching(r *report.Document) section {
	s := section{ID: "cache", Title: "What was made again, and why"}
	for _, p := range []part{places(r.Runs), steps(r.Runs)} {
		if len(p.Table.Rows) > 0 {
			s.Parts = append(s.Parts, p)
		}
	}
	var totals record.Totals
	for _, run := range r.Runs {
		t := run.Totals()
		totals.Made, totals.UpToDate, totals.Unfinished = totals.Made+t.Made, totals.UpToDate+t.UpToDate, totals.Unfinished+t.Unfinished
	}
	s.Lead = fmt.Sprintf("%s made, %d were up to date.", plural(totals.Made, "step was", "steps were"), totals.UpToDate)
	if totals.Unfinished > 0 {
		s.Lead += " " + plural(totals.Unfinished, "step was", "steps were") + " not finished."
	}
	return s
}

// places shows where results came from.
func places(runs []*record.Record) part {
	t := &table{Caption: "Where the results of tasks came from", Columns: []column{{"Place", false}, {"Tasks", true}, {"Bytes", true}}}
	type sum struct{ tasks, bytes int64 }
	sums := map[string]sum{}
	for _, run := range runs {
		for _, task := range run.Tasks {
			place := "the work of this run"
			if task.Cached {
				place = cmp.Or(task.From, "there before: the cache of the machine, or the destination")
			}
			sums[place] = sum{sums[place].tasks + 1, sums[place].bytes + task.Bytes}
		}
	}
	for _, place := range slices.Sorted(maps.Keys(sums)) {
		t.Rows = append(t.Rows, []cell{text(place), number(sums[place].tasks), bytesCell(sums[place].bytes)})
	}
	return part{Title: "Hits and misses", Table: t}
}

// stepStates maps states of steps to words.
var stepStates = map[string]string{record.Made: "made again", record.UpToDate: "up to date", record.Unfinished: "not finished"}

// steps shows the steps, and the reasons for which they were made again.
func steps(runs []*record.Record) part {
	t := &table{Caption: "Steps of the plan, with the changes for which they were made again", Columns: []column{{"Run", false}, {"Step", false}, {"State", false}, {"Because", false}}}
	for _, run := range runs {
		for _, s := range run.Steps {
			state := cmp.Or(stepStates[s.State], s.State)
			if s.First {
				state = "made for the first time"
			}
			t.Rows = append(t.Rows, []cell{nameCell(run), text(s.Name()), text(state), reasons(s.Reasons)})
		}
	}
	return part{Title: "Steps", Table: t}
}

// reasons shows some changes, and all of them in the full text of the cell.
func reasons(changes []why.Change) cell {
	if len(changes) == 0 {
		return cell{}
	}
	var all strings.Builder
	why.WriteChanges(&all, changes, 0)
	var lines []string
	for line := range strings.Lines(all.String()) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return listCell(lines)
}
