package record

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/progress"
)

// maxFailure is the maximum length of the failure of a task, in bytes. That of a compiler may contain all its output.
const maxFailure = 4 << 10

// A Recorder is a sink that records tasks, and passes all events on.
type Recorder struct {
	progress.Sink
	now   func() time.Time
	began time.Time

	mu       sync.Mutex
	tasks    []Task
	running  map[*progress.Task]int // index in tasks
	warnings []string
	warned   map[string]bool
}

// Start returns a Recorder of a run that begins now, and a context whose tasks it records. They are reported to the sink of
// ctx, too.
func Start(ctx context.Context) (context.Context, *Recorder) {
	r := newRecorder(progress.SinkOf(ctx), time.Now)
	return progress.With(ctx, r), r
}

func newRecorder(next progress.Sink, now func() time.Time) *Recorder {
	return &Recorder{Sink: next, now: now, began: now(), running: map[*progress.Task]int{}, warned: map[string]bool{}}
}

// seconds returns the time since the run began, in microseconds of accuracy.
func (r *Recorder) seconds() float64 {
	return math.Round(r.now().Sub(r.began).Seconds()*1e6) / 1e6
}

// Started implements progress.Sink.
func (r *Recorder) Started(t *progress.Task) {
	r.mu.Lock()
	if r.running != nil {
		r.running[t] = len(r.tasks)
		r.tasks = append(r.tasks, Task{Name: t.Name, Steps: t.Steps, Start: r.seconds()})
	}
	r.mu.Unlock()
	r.Sink.Started(t)
}

// Finished implements progress.Sink.
func (r *Recorder) Finished(t *progress.Task, err error) {
	r.mu.Lock()
	if i, ok := r.running[t]; ok {
		delete(r.running, t)
		r.finish(&r.tasks[i], t, err)
	}
	r.mu.Unlock()
	r.Sink.Finished(t, err)
}

func (r *Recorder) finish(to *Task, t *progress.Task, err error) {
	to.End = r.seconds()
	to.Bytes, _ = t.Bytes()
	to.Digest, to.Cached, to.From, to.Worker = t.Digest(), t.Cached(), t.From(), t.Worker()
	switch {
	case errors.Is(err, context.Canceled):
		to.Stopped = true
	case err != nil:
		to.Failure = err.Error()
	}
}

// Warning implements progress.Sink. Identical messages are recorded once.
func (r *Recorder) Warning(message string) {
	r.mu.Lock()
	if !r.warned[message] && r.running != nil {
		r.warned[message] = true
		r.warnings = append(r.warnings, message)
	}
	r.mu.Unlock()
	r.Sink.Warning(message)
}

// End adds to a record, which says what was run, the tasks and warnings until now, the times, the machine and the error of
// the run. Tasks that still run are recorded as stopped. Values that secrets has are replaced. getenv is os.Getenv.
func (r *Recorder) End(record *Record, failure error, secrets *redact.Secrets, getenv func(string) string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for t, i := range r.running {
		r.finish(&r.tasks[i], t, context.Canceled)
	}
	r.running = nil
	record.Format, record.Started, record.Seconds = format, r.began.UTC().Round(time.Millisecond), r.seconds()
	record.Machine = machine(getenv)
	if failure != nil {
		record.Failure = secrets.Text(progress.Presentable(failure).Error())
	}
	if record.Steps == nil {
		record.Steps = []Step{}
	}
	record.Tasks, record.Warnings = append([]Task{}, r.tasks...), append([]string{}, r.warnings...)
	for i := range record.Tasks {
		t := &record.Tasks[i]
		t.Name, t.Failure = secrets.Text(t.Name), shortened(secrets.Text(t.Failure))
		t.From, t.Worker = secrets.Text(t.From), secrets.Text(t.Worker)
	}
	for i, warning := range record.Warnings {
		record.Warnings[i] = secrets.Text(warning)
	}
	slices.Sort(record.Warnings)
	assignLanes(record.Tasks)
}

// shortened returns the beginning of a text that is too long.
func shortened(text string) string {
	if len(text) <= maxFailure {
		return text
	}
	return strings.ToValidUTF8(text[:maxFailure], "") + "…"
}

// machine describes this machine. The name is that of the runner of GitHub Actions or GitLab CI. The name of a host may be
// that of a person, and is not recorded.
func machine(getenv func(string) string) Machine {
	m := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU()}
	for _, name := range []string{"RUNNER_NAME", "CI_RUNNER_DESCRIPTION"} {
		if m.Name == "" {
			m.Name = redact.Text(getenv(name))
		}
	}
	return m
}
