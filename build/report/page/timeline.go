package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/build/record"
)

// A timeline is a picture of runs that overlap in time, one below the other.
type timeline struct {
	Title, About  string
	Width, Height float64
	// Left is where the time begins, right of the labels.
	Left  float64
	Ticks []tick
	Rows  []label
	Bars  []bar
}

// A tick is a time on the axis.
type tick struct {
	X    float64
	Text string
}

// A label is the text of a row. That of a run has a line of its own.
type label struct {
	Y    float64
	Text string
	Run  bool
}

// A bar is a task.
type bar struct {
	box
	Name string
	// Text is the part of the name that fits.
	Text string
	// Class has the classes of the style sheet: the color of the kind, and critical or failed. Cached bars are hatched.
	Class  string
	Cached bool
}

const (
	rowHeight, barHeight = 20.0, 16.0
	axisHeight           = 24.0
	labelWidth           = 120.0
)

// kindsOfSteps are the kinds of steps that have a color of their own, in the order of the colors.
var kindsOfSteps = []string{"binary", "image", "archive", "bundle"}

// overlapping divides runs, which are sorted by their start, into groups of those that ran at the same time.
func overlapping(runs []*record.Record) (all [][]*record.Record) {
	var end time.Time
	for _, run := range runs {
		if n := len(all); n > 0 && run.Started.Before(end) {
			all[n-1] = append(all[n-1], run)
		} else {
			all = append(all, []*record.Record{run})
		}
		if e := ended(run); e.After(end) {
			end = e
		}
	}
	return all
}

func ended(run *record.Record) time.Time {
	return run.Started.Add(time.Duration(run.Seconds * float64(time.Second)))
}

// drawTimeline draws runs on one axis.
func drawTimeline(runs []*record.Record) *timeline {
	begin, end := runs[0].Started, runs[0].Started
	for _, run := range runs {
		if e := ended(run); e.After(end) {
			end = e
		}
	}
	seconds := max(end.Sub(begin).Seconds(), 0.001)
	t := &timeline{Title: runs[0].Title(), Width: mapWidth, Left: labelWidth}
	if n := len(runs); n > 1 {
		t.Title = plural(n, "run", "runs") + " at the same time"
	}
	scale := (mapWidth - labelWidth - 1) / seconds
	step := tickStep(seconds)
	for at := 0.0; at <= seconds && at*scale < mapWidth-labelWidth-6*letter; at += step {
		t.Ticks = append(t.Ticks, tick{labelWidth + at*scale, duration(at)})
	}
	y, tasks := axisHeight, 0
	for _, run := range runs {
		t.Rows = append(t.Rows, label{y, about(run), true})
		y = t.addRun(run, y+rowHeight, labelWidth+run.Started.Sub(begin).Seconds()*scale, scale) + rowHeight/2
		tasks += len(run.Tasks)
	}
	t.Height = y
	t.About = fmt.Sprintf("A timeline of %s in %s. The tables below have the critical path and all tasks.", plural(tasks, "task", "tasks"), duration(seconds))
	return t
}

// A lane is a row of a run.
type lane struct {
	worker string
	number int
}

// addRun adds the tasks of a run below y, and returns where they end.
func (t *timeline) addRun(run *record.Record, y, left, scale float64) float64 {
	rows := map[lane]float64{}
	var lanes []lane
	for _, task := range run.Tasks {
		l := lane{task.Worker, task.Lane}
		if _, ok := rows[l]; !ok {
			rows[l] = 0
			lanes = append(lanes, l)
		}
	}
	slices.SortFunc(lanes, func(a, b lane) int {
		return cmp.Or(cmp.Compare(a.worker, b.worker), cmp.Compare(a.number, b.number))
	})
	for i, l := range lanes {
		rows[l] = y
		if i == 0 || lanes[i-1].worker != l.worker {
			t.Rows = append(t.Rows, label{y, shorten(cmp.Or(l.worker, "this machine"), labelWidth), false})
		}
		y += rowHeight
	}
	critical := map[int]bool{}
	for _, i := range run.CriticalPath() {
		critical[i] = true
	}
	for i, task := range run.Tasks {
		b := bar{box: box{left + task.Start*scale, rows[lane{task.Worker, task.Lane}], max((task.End-task.Start)*scale, 1), barHeight}}
		b.Name = fmt.Sprintf("%s: %s, from %s", task.Name, duration(task.End-task.Start), duration(task.Start))
		b.Class = fmt.Sprintf("c%d", kindOf(task))
		for _, state := range states(task, critical[i]) {
			b.Name += ", " + state
		}
		if critical[i] {
			b.Class += " critical"
		}
		switch {
		case task.Failure != "":
			b.Class += " failed"
		case task.Cached:
			b.Cached = true
		}
		if b.W > 12*letter {
			b.Text = shorten(task.Name, b.W)
		}
		t.Bars = append(t.Bars, b)
	}
	return y
}

// states returns what is special about a task, in words.
func states(task record.Task, critical bool) (all []string) {
	if critical {
		all = append(all, "on the critical path")
	}
	switch {
	case task.Failure != "":
		all = append(all, "failed")
	case task.Stopped:
		all = append(all, "stopped")
	case task.Cached && task.From != "":
		all = append(all, "from "+task.From)
	case task.Cached:
		all = append(all, "was there before")
	}
	return all
}

// kindOf returns the number of the color of a task.
func kindOf(task record.Task) int {
	if len(task.Steps) > 0 {
		kind, _, _ := strings.Cut(task.Steps[0], " ")
		if i := slices.Index(kindsOfSteps, kind); i >= 0 {
			return i
		}
	}
	return len(kindsOfSteps)
}

// tickStep returns a round number of seconds, of which at most ten are in a time.
func tickStep(seconds float64) float64 {
	for _, step := range []float64{0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600} {
		if seconds/step <= 10 {
			return step
		}
	}
	return 3600 * math.Ceil(seconds/36000)
}

// duration formats seconds: 0.3 s, 42 s, 1m05s, 2h03m.
func duration(seconds float64) string {
	switch s := int(math.Round(seconds)); {
	case seconds < 9.95:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", seconds), ".0") + " s"
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	default:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	}
}

// nameCell shows which run it was, in few letters.
func nameCell(run *record.Record) cell {
	return cell{Text: strings.TrimSpace(strings.TrimPrefix(run.Command, "slipway ") + "\u00a0" + run.Shard)}
}

// about returns what was run where, when and for how long.
func about(run *record.Record) string {
	m := run.Machine
	where := fmt.Sprintf("%s/%s with %s", m.OS, m.Arch, plural(m.Cores, "core", "cores"))
	if m.Name != "" {
		where = m.Name + ", " + where
	}
	busy := 0.0
	for _, seconds := range run.Busy() {
		busy += seconds
	}
	if lanes := float64(len(run.Busy())); lanes > 0 && run.Seconds > 0 {
		where += fmt.Sprintf(", workers %.0f %% busy", 100*busy/(lanes*run.Seconds))
	}
	return fmt.Sprintf("%s: %s on %s, began %s", run.Title(), duration(run.Seconds), where, run.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
}
