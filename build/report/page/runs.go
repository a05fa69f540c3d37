package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/report"
)

// runs shows where the time went.
func runs(r *report.Document) section {
	s := section{ID: "time", Title: "Where the time went"}
	if len(r.Runs) == 0 {
		return s
	}
	s.Lead = "Each row is a worker. Tasks with a thick outline are on the critical path: the end of the run waited for them. Hatched ones had a result before, and dashed ones failed."
	for _, group := range overlapping(r.Runs) {
		p := part{Title: group[0].Title(), Timeline: drawTimeline(group)}
		if len(group) > 1 {
			p.Title = p.Timeline.Title
		}
		s.Parts = append(s.Parts, p)
	}
	s.Parts = append(s.Parts, part{Title: "Critical path", Table: criticalTable(r.Runs)}, part{Title: "Slowest tasks", Table: slowestTable(r.Runs)}, part{Table: tasksTable(r.Runs)})
	return s
}

// A timed task is one of a run.
type timed struct {
	record.Task
	run      *record.Record
	critical bool
}

func (t timed) seconds() float64 { return t.End - t.Start }

// byLength sorts tasks, the longest first.
func byLength(tasks []timed) []timed {
	tasks = slices.Clone(tasks)
	slices.SortStableFunc(tasks, func(a, b timed) int { return cmp.Compare(b.seconds(), a.seconds()) })
	return tasks
}

// tasksOf returns the tasks of all runs, and those of the critical paths.
func tasksOf(runs []*record.Record) (all, critical []timed) {
	for _, run := range runs {
		from := len(all)
		for _, task := range run.Tasks {
			all = append(all, timed{Task: task, run: run})
		}
		for _, i := range run.CriticalPath() {
			all[from+i].critical = true
			critical = append(critical, all[from+i])
		}
	}
	return all, critical
}

func criticalTable(runs []*record.Record) *table {
	_, critical := tasksOf(runs)
	t := &table{Caption: "Tasks that the end of a run waited for, in the order of time",
		Columns: []column{{"Run", false}, {"Task", false}, {"Start", true}, {"Time", true}, {"Share of the run", true}, {"Result", false}}}
	if n := len(critical); n > longest {
		t.Caption = fmt.Sprintf("The %d longest of %d tasks that the end of a run waited for, in the order of time", longest, n)
		least := byLength(critical)[longest-1]
		critical = slices.DeleteFunc(critical, func(task timed) bool { return task.seconds() < least.seconds() })
	}
	for _, task := range critical {
		percent := 100 * task.seconds() / max(task.run.Seconds, 0.001)
		t.Rows = append(t.Rows, []cell{nameCell(task.run), text(task.Name), secondsCell(task.Start), secondsCell(task.seconds()),
			{Text: fmt.Sprintf("%.1f %%", percent), Sort: fmt.Sprintf("%.4f", percent)}, text(strings.Join(states(task.Task, false), ", "))})
	}
	return t
}

// The numbers of tasks in the tables of the critical path and of the slowest tasks.
const (
	longest = 25
	slowest = 15
)

func slowestTable(runs []*record.Record) *table {
	all, _ := tasksOf(runs)
	t := &table{Caption: "The slowest tasks of all runs"}
	t.addTasks(byLength(all)[:min(len(all), slowest)])
	return t
}

func tasksTable(runs []*record.Record) *table {
	all, _ := tasksOf(runs)
	t := &table{Caption: "All " + plural(len(all), "task", "tasks"), Closed: true}
	t.addTasks(all)
	return t
}

func (t *table) addTasks(tasks []timed) {
	t.Columns = []column{{"Run", false}, {"Task", false}, {"Worker", false}, {"Start", true}, {"Time", true}, {"Bytes", true}, {"Result", false}}
	for _, task := range tasks {
		t.Rows = append(t.Rows, []cell{nameCell(task.run), text(task.Name), text(task.Worker), secondsCell(task.Start), secondsCell(task.seconds()), bytesCell(task.Bytes),
			text(strings.Join(states(task.Task, task.critical), ", "))})
	}
}

func secondsCell(seconds float64) cell {
	return cell{Text: duration(seconds), Sort: fmt.Sprintf("%.3f", seconds)}
}

// result returns the result of the runs.
func result(r *report.Document) state {
	warnings := 0
	for _, run := range r.Runs {
		if run.Failure != "" {
			return state{"bad", "✗ Failed: " + run.Title()}
		}
		warnings += len(run.Warnings)
	}
	switch {
	case len(r.Runs) == 0:
		return state{}
	case warnings > 0:
		return state{"warn", "⚠ Succeeded with " + plural(warnings, "warning", "warnings")}
	}
	return state{"good", "✓ Succeeded"}
}

// notes returns the failures and warnings of the runs, and what could not be read.
func notes(r *report.Document) (all []string) {
	for _, run := range r.Runs {
		if run.Failure != "" {
			all = append(all, run.Title()+" failed: "+run.Failure)
		}
		for _, warning := range run.Warnings {
			all = append(all, run.Title()+": "+warning)
		}
	}
	return append(all, r.Notes...)
}

// timeFacts returns the key figures of the runs.
func timeFacts(r *report.Document) []fact {
	if len(r.Runs) == 0 {
		return nil
	}
	var total, cached, tasks float64
	for _, group := range overlapping(r.Runs) {
		begin, end := group[0].Started, group[0].Started
		for _, run := range group {
			if e := ended(run); e.After(end) {
				end = e
			}
			totals := run.Totals()
			cached, tasks = cached+float64(totals.Cached), tasks+float64(totals.Tasks)
		}
		total += end.Sub(begin).Seconds()
	}
	facts := []fact{{"Time", duration(total), plural(len(r.Runs), "run", "runs")}}
	if tasks > 0 {
		facts = append(facts, fact{"From caches", fmt.Sprintf("%.0f %%", 100*cached/tasks), fmt.Sprintf("%.0f of %.0f tasks", cached, tasks)})
	}
	return facts
}
