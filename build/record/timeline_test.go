package record

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// schedule parses tasks, one a line: name, start, end, and the steps to which the task belongs.
func schedule(t *testing.T, text string) *Record {
	t.Helper()
	r := &Record{}
	for line := range strings.Lines(strings.TrimSpace(text)) {
		var task Task
		fields := strings.Fields(line)
		task.Name = fields[0]
		for _, step := range fields[3:] {
			task.Steps = append(task.Steps, strings.ReplaceAll(step, "_", " "))
		}
		if _, err := fmt.Sscan(fields[1]+" "+fields[2], &task.Start, &task.End); err != nil {
			t.Fatal(err)
		}
		r.Tasks = append(r.Tasks, task)
	}
	assignLanes(r.Tasks)
	return r
}

func names(r *Record) []string {
	var out []string
	for _, i := range r.CriticalPath() {
		out = append(out, r.Tasks[i].Name)
	}
	return out
}

func TestLanes(t *testing.T) {
	r := schedule(t, `
a 0 4
b 0 2
c 1 3
d 2 2.5
e 2.5 2.5
f 2.5 9
g 3 3.5
h 3.9 5
i 4 5`)
	var got []int
	for _, task := range r.Tasks {
		got = append(got, task.Lane)
	}
	if want := []int{0, 1, 2, 1, 1, 1, 2, 2, 0}; !slices.Equal(got, want) {
		t.Errorf("lanes %v; want %v", got, want)
	}
	if diff := cmp.Diff([]float64{5, 9, 3.6}, r.Busy(), cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })); diff != "" {
		t.Error(diff)
	}
}

func TestTheCriticalPathHasWhatTheEndWaitedFor(t *testing.T) {
	for _, c := range []struct{ name, tasks, want string }{
		{"nothing", "", ""},
		{"a chain beside a longer task that ends earlier", "long 0 8\na 0 3\nb 3 6\nc 6 9", "a b c"},
		{"a wait for a free worker", "a 0 5\nb 0 7\nc 5 12\nd 7 9", "a c"},
		{"a gap", "a 0 1\nb 4 5", "a b"},
		{"a task that ended when the last one began, and one shortly before", "early 0 2.999999\nlate 0 3\nlast 3 4", "late last"},
		{"no task before the first", "a 2 3\nb 0 9", "b"},
		{"of the same end, a need", "other 0 4 binary_b\nneed 3 4 binary_a\nlast 4 5 image_c", "need last"},
		{"of the same end, the same step", "other 0 4 binary_b\nmine 3 4 image_c\nlast 4 5 image_c", "mine last"},
		{"of the same end and without needs, the longest", "short 3 4\nlong 0 4\nlast 4 5", "long last"},
		{"tasks without duration are skipped", "a 0 1\nnone 1 1\nalso 1 1\nb 1 2", "a b"},
		{"only tasks without duration", "none 0 0\nalso 1 1", ""},
		{"a need that ended earlier is not what was waited for", "need 0 1 binary_a\nworker 0 3 binary_b\nlast 3 5 image_c", "worker last"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &Record{}
			if c.tasks != "" {
				r = schedule(t, c.tasks)
			}
			r.Steps = []Step{{Kind: "binary", Target: "a"}, {Kind: "binary", Target: "b"}, {Kind: "image", Target: "c", Needs: []string{"binary a"}}}
			if got := strings.Join(names(r), " "); got != c.want {
				t.Errorf("%s; want %s", got, c.want)
			}
		})
	}
}

// Planted schedules: workers take random tasks one after another, and the last worker to end never waits. Its tasks are
// the critical path.
func TestThePathOfTheBusiestWorkerIsFound(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		r := &Record{}
		var want []string
		at := 0.0
		for i := range 5 + random.IntN(20) {
			next := at + 1 + random.Float64()
			name := fmt.Sprint("critical ", i)
			r.Tasks = append(r.Tasks, Task{Name: name, Start: at, End: next})
			want, at = append(want, name), next
		}
		for i := range random.IntN(100) { // shorter work beside it, that never ends when a critical task begins
			start := random.Float64() * at
			j := slices.IndexFunc(r.Tasks, func(t Task) bool { return t.Start <= start && start < t.End && strings.HasPrefix(t.Name, "critical") })
			r.Tasks = append(r.Tasks, Task{Name: fmt.Sprint("beside ", i), Start: start, End: start + (r.Tasks[j].End-start)*0.99})
		}
		slices.SortStableFunc(r.Tasks, func(a, b Task) int { return int(1e6 * (a.Start - b.Start)) })
		if diff := cmp.Diff(want, names(r)); diff != "" {
			t.Fatal(diff)
		}
	}
}

// many returns a record of n tasks, of which many begin and end at the same times.
func many(n int) *Record {
	r := &Record{}
	for i := range n {
		start := float64(i / 50)
		r.Tasks = append(r.Tasks, Task{Name: fmt.Sprint("task ", i), Start: start, End: start + float64(i%3)})
	}
	return r
}

func BenchmarkTimeline(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := many(n)
			for b.Loop() {
				assignLanes(r.Tasks)
				r.CriticalPath()
				r.Busy()
				r.Totals()
			}
		})
	}
}

func TestTotals(t *testing.T) {
	r := &Record{
		Steps: []Step{{State: Made}, {State: UpToDate}, {State: UpToDate}, {State: Unfinished}},
		Tasks: []Task{{Bytes: 5, Cached: true}, {Bytes: 7, Failure: "no"}, {Stopped: true}},
	}
	if got, want := r.Totals(), (Totals{Made: 1, UpToDate: 2, Unfinished: 1, Tasks: 3, Cached: 1, Failed: 1, Bytes: 12}); got != want {
		t.Errorf("%+v; want %+v", got, want)
	}
}
