package progress

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/slipway-build/slipway/internal/redact"
)

// A Task is one piece of running work. All its methods may be called from several goroutines.
type Task struct {
	Name string
	// Steps are the names of the steps to which the task belongs; see Within. They must not be changed.
	Steps []string

	total, done atomic.Int64
	cached      atomic.Bool
	digest      atomic.Value // a string, like the next two
	from        atomic.Value
	worker      atomic.Value
	sink        Sink
}

// A Sink receives the events of tasks, from many goroutines.
type Sink interface {
	// Started is called once, before any other call for t.
	Started(t *Task)
	// Line reports one line of output of t, such as a compiler's.
	Line(t *Task, line string)
	// Warning reports a message that the user should see although the work continues.
	Warning(message string)
	// Finished is called once, last; err is why the task failed, or nil.
	Finished(t *Task, err error)
}

type sinkKey struct{}

// With returns a context whose tasks report to sink.
func With(ctx context.Context, sink Sink) context.Context {
	return context.WithValue(ctx, sinkKey{}, sink)
}

// SinkOf returns the sink of a context, or one that ignores all events.
func SinkOf(ctx context.Context) Sink {
	if sink, ok := ctx.Value(sinkKey{}).(Sink); ok {
		return sink
	}
	return silent{}
}

type silent struct{}

func (silent) Started(*Task)         {}
func (silent) Line(*Task, string)    {}
func (silent) Warning(string)        {}
func (silent) Finished(*Task, error) {}

type stepKey struct{}

// Within returns a context whose tasks belong to steps of a plan, such as "binary slipway@linux/amd64".
func Within(ctx context.Context, steps ...string) context.Context {
	return context.WithValue(ctx, stepKey{}, steps)
}

// Start starts a task, such as "compile slipway linux/amd64". The caller must call Done.
func Start(ctx context.Context, name string) *Task {
	sink, _ := ctx.Value(sinkKey{}).(Sink)
	steps, _ := ctx.Value(stepKey{}).([]string)
	t := &Task{Name: redact.Text(name), Steps: steps, sink: sink}
	if sink != nil {
		sink.Started(t)
	}
	return t
}

// Warn reports a likely mistake that does not stop the work. The message has no prefix such as
// "warning:". A Display shows identical messages once, so a message that applies to every platform
// should name none.
func Warn(ctx context.Context, message string) {
	if sink, _ := ctx.Value(sinkKey{}).(Sink); sink != nil {
		sink.Warning(redact.Text(message))
	}
}

// SetTotal sets the total number of bytes, when it becomes known.
func (t *Task) SetTotal(bytes int64) { t.total.Store(bytes) }

// Add reports that n more bytes are done.
func (t *Task) Add(n int) { t.done.Add(int64(n)) }

// Bytes returns the number of bytes done, and the total (0: unknown).
func (t *Task) Bytes() (done, total int64) { return t.done.Load(), t.total.Load() }

// SetCached reports that the result was cached.
func (t *Task) SetCached() { t.cached.Store(true) }

// Cached reports whether the result was cached.
func (t *Task) Cached() bool { return t.cached.Load() }

// SetDigest reports the digest of the result. Its parameters are the results of a method Digest; with an error, it does
// nothing.
func (t *Task) SetDigest(digest fmt.Stringer, err error) {
	if err == nil {
		t.digest.Store(digest.String())
	}
}

// Digest returns the digest of the result, or an empty string if it is unknown.
func (t *Task) Digest() string {
	digest, _ := t.digest.Load().(string)
	return digest
}

// SetWorker reports the address of the engine that does the work, unless this program does.
func (t *Task) SetWorker(address string) { t.worker.Store(redact.Text(address)) }

// Worker returns the address of the engine that does the work, or an empty string if this program does.
func (t *Task) Worker() string {
	worker, _ := t.worker.Load().(string)
	return worker
}

// From returns the shared cache that had the result or a part of it, or an empty string; see Found.
func (t *Task) From() string {
	from, _ := t.from.Load().(string)
	return from
}

type taskKey struct{}

// Context returns a context for the work of the task; see Found.
func (t *Task) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, taskKey{}, t)
}

// Found reports that the work of a task, whose Context is ctx, uses what a shared cache has.
func Found(ctx context.Context, place string) {
	if t, ok := ctx.Value(taskKey{}).(*Task); ok {
		t.from.Store(redact.Text(place))
	}
}

// Line reports one line of the task's output.
func (t *Task) Line(line string) {
	if t.sink != nil {
		t.sink.Line(t, redact.Text(line))
	}
}

// Warn is like the function Warn, for code with a task but no context.
func (t *Task) Warn(message string) {
	if t.sink != nil {
		t.sink.Warning(redact.Text(message))
	}
}

// Done ends the task. err is why it failed, or nil. If err wraps an error with a method
// HoldsOutput(), the text of the error includes the output of the task, and a display does not show
// it again.
func (t *Task) Done(err error) {
	if t.sink != nil {
		t.sink.Finished(t, redact.Error(err))
	}
}

// Write counts len(p) bytes as done, so that a Task can be used in an io.MultiWriter or an
// io.TeeReader. It does not fail.
func (t *Task) Write(p []byte) (int, error) {
	t.Add(len(p))
	return len(p), nil
}

// Reader returns a reader that counts what is read from r as progress.
func (t *Task) Reader(r io.Reader) io.Reader { return io.TeeReader(r, t) }
