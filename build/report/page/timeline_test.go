package page

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/build/record"
)

func runOf(started time.Time, tasks ...record.Task) *record.Record {
	run := &record.Record{Command: "slipway package", Started: started, Tasks: tasks}
	for _, task := range tasks {
		run.Seconds = max(run.Seconds, task.End)
	}
	return run
}

func TestTimeline(t *testing.T) {
	began := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	first := runOf(began, record.Task{Name: "compile acme", Steps: []string{"binary acme@linux/amd64"}, Lane: 0, End: 60},
		record.Task{Name: "fetch", Lane: 1, End: 20, Cached: true, From: "type=local,src=cache"},
		record.Task{Name: "build image", Steps: []string{"image acme@linux/amd64"}, Worker: "tcp://a:1", Lane: 0, Start: 60, End: 80, Failure: "exit status 1"})
	second := runOf(began.Add(40*time.Second), record.Task{Name: "compress", Steps: []string{"archive core@linux/amd64"}, End: 60})
	drawn := drawTimeline([]*record.Record{first, second})
	scale := (mapWidth - labelWidth - 1) / 100.0
	var got []string
	for _, b := range drawn.Bars {
		got = append(got, fmt.Sprintf("%s|%s|%v %g+%g", b.Name, b.Class, b.Cached, math.Round((b.X-labelWidth)/scale), math.Round(b.W/scale)))
	}
	want := []string{
		"compile acme: 1m00s, from 0 s, on the critical path|c0 critical|false 0+60",
		"fetch: 20 s, from 0 s, from type=local,src=cache|c4|true 0+20",
		"build image: 20 s, from 1m00s, on the critical path, failed|c1 critical failed|false 60+20",
		"compress: 1m00s, from 0 s, on the critical path|c2 critical|false 40+60",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	rows := map[float64]bool{}
	for _, b := range drawn.Bars {
		rows[b.Y] = true
	}
	if len(rows) != 4 || drawn.Ticks[1].Text != "10 s" {
		t.Errorf("%d rows, ticks %v", len(rows), drawn.Ticks)
	}
}

func TestRunsThatOverlapAreTogether(t *testing.T) {
	at := func(seconds int, took float64) *record.Record {
		return runOf(time.Unix(int64(seconds), 0), record.Task{End: took})
	}
	var got []int
	for _, group := range overlapping([]*record.Record{at(0, 100), at(10, 5), at(90, 20), at(110, 5), at(200, 5)}) {
		got = append(got, len(group))
	}
	if fmt.Sprint(got) != "[3 1 1]" {
		t.Errorf("got groups of %v runs, want [3 1 1]", got)
	}
}

func TestDuration(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0 s", 0.04: "0 s", 1.25: "1.2 s", 9.96: "10 s", 59.4: "59 s", 59.6: "1m00s", 125: "2m05s", 3599.7: "1h00m", 7380: "2h03m"} {
		if got := duration(seconds); got != want {
			t.Errorf("%g seconds are %s, want %s", seconds, got, want)
		}
	}
}

// A run without tasks, such as one that found nothing to do, has a timeline.
func TestTimelineOfNothing(t *testing.T) {
	if drawn := drawTimeline([]*record.Record{runOf(time.Unix(0, 0))}); len(drawn.Bars) != 0 || drawn.Height <= 0 {
		t.Errorf("got %v", drawn)
	}
}
