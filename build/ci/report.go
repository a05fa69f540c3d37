package ci

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/report"
	"github.com/slipway-build/slipway/progress"
)

// few is the number of tasks and of changes in the short form of a report.
const few = 5

// WriteReport appends the short form of a report to the summary: its totals, the longest tasks of the critical path, and
// the largest changes.
func (f Files) WriteReport(r *report.Document) error {
	if f.Summary == "" {
		return nil
	}
	var out strings.Builder
	fmt.Fprintf(&out, "## slipway report: %s\n\n", escape(strings.TrimSpace(r.Project+" "+r.Release.Version)))
	writeTotals(&out, r)
	writeCritical(&out, r.Runs)
	if r.Changes != nil {
		writeLargest(&out, r.Changes)
	}
	if err := appendTo(f.Summary, out.String()); err != nil {
		return fmt.Errorf("writing the summary of the job: %w", err)
	}
	return nil
}

func writeTotals(out *strings.Builder, r *report.Document) {
	counts, published := map[string]int{}, int64(0)
	for _, m := range r.Made {
		counts[m.Kind]++
		if strings.HasPrefix(m.Path, "dist/artifacts/") {
			published += m.Size
		}
	}
	fmt.Fprintf(out, "Binaries: %d. Images: %d. Archives: %d. Files to publish: %s.\n\n", counts["binary"], counts["image"], counts["archive"], progress.FormatBytes(published))
	for _, run := range r.Runs {
		totals, state := run.Totals(), ""
		if run.Failure != "" {
			state = " It failed."
		}
		fmt.Fprintf(out, "`%s` took %s. Steps made: %d, up to date: %d. Tasks from caches: %d of %d.%s\n\n",
			run.Title(), took(run.Seconds), totals.Made, totals.UpToDate, totals.Cached, totals.Tasks, state)
	}
}

func took(seconds float64) string {
	return progress.FormatDuration(time.Duration(seconds * float64(time.Second)))
}

// writeCritical writes the longest tasks that the ends of runs waited for.
func writeCritical(out *strings.Builder, runs []*record.Record) {
	type task struct {
		record.Task
		of float64
	}
	var tasks []task
	for _, run := range runs {
		for _, i := range run.CriticalPath() {
			tasks = append(tasks, task{run.Tasks[i], run.Seconds})
		}
	}
	if len(tasks) == 0 {
		return
	}
	slices.SortStableFunc(tasks, func(a, b task) int { return cmp.Compare(b.End-b.Start, a.End-a.Start) })
	out.WriteString("| critical path | time | share of the run |\n|---|--:|--:|\n")
	for _, t := range tasks[:min(len(tasks), few)] {
		fmt.Fprintf(out, "| %s | %s | %.0f %% |\n", escape(t.Name), took(t.End-t.Start), 100*(t.End-t.Start)/max(t.of, t.End-t.Start))
	}
	out.WriteByte('\n')
}

// writeLargest writes the largest changes since an earlier release.
func writeLargest(out *strings.Builder, c *report.Changes) {
	fmt.Fprintf(out, "Since %s: %d images, %d packages and %d artifacts differ.", escape(cmp.Or(c.Earlier.Version, c.With)), len(c.Images), len(c.Packages), len(c.Artifacts))
	if total := c.Carried(); total.Archive > 0 {
		fmt.Fprintf(out, " Deltas of all archives have %s instead of %s.", progress.FormatBytes(total.Delta), progress.FormatBytes(total.Archive))
	}
	out.WriteString("\n\n")
	changes := c.ByGrowth()
	if len(changes) == 0 {
		return
	}
	out.WriteString("| largest changes | kind | name | growth |\n|---|---|---|--:|\n")
	for _, a := range changes[:min(len(changes), few)] {
		growth := progress.FormatBytes(a.Growth())
		if a.Growth() > 0 {
			growth = "+" + growth
		} else if a.Growth() < 0 {
			growth = "-" + progress.FormatBytes(-a.Growth())
		}
		fmt.Fprintf(out, "| %s | %s | `%s` | %s |\n", a.Status, a.Kind, a.Where, growth)
	}
	out.WriteByte('\n')
}
