package progress

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/slipway-build/slipway/internal/redact"
)

// A Task is one piece of work that is under way. All its methods may be called
// from several goroutines.
type Task struct {
	Name string

	total, done atomic.Int64
	cached      atomic.Bool
	sink        Sink
}

// A Sink is told of tasks. Calls come from many goroutines.
type Sink interface {
	// Started is called once, before any other call for t.
	Started(t *Task)
	// Line is one line that t's work printed, such as a compiler's.
	Line(t *Task, line string)
	// Warning is a message that the user should see although the work goes on.
	Warning(message string)
	// Finished is called once, last; err is what went wrong, or nil.
	Finished(t *Task, err error)
}

type sinkKey struct{}

// With returns a context whose tasks are told to sink.
func With(ctx context.Context, sink Sink) context.Context {
	return context.WithValue(ctx, sinkKey{}, sink)
}

// Start begins a task, such as "compile slipway linux/amd64". Its caller must
// call Done.
func Start(ctx context.Context, name string) *Task {
	sink, _ := ctx.Value(sinkKey{}).(Sink)
	t := &Task{Name: redact.Text(name), sink: sink}
	if sink != nil {
		sink.Started(t)
	}
	return t
}

// Warn tells the user of something that is likely to be a mistake, but stops
// nothing. The message has no prefix such as "warning:". A Display shows each
// message once, so a message that holds for every platform should name none.
func Warn(ctx context.Context, message string) {
	if sink, _ := ctx.Value(sinkKey{}).(Sink); sink != nil {
		sink.Warning(redact.Text(message))
	}
}

// SetTotal says how many bytes there are to do, when that becomes known.
func (t *Task) SetTotal(bytes int64) { t.total.Store(bytes) }

// Add says that n more bytes are done.
func (t *Task) Add(n int) { t.done.Add(int64(n)) }

// Bytes returns how many bytes are done, and of how many (0: not known).
func (t *Task) Bytes() (done, total int64) { return t.done.Load(), t.total.Load() }

// SetCached says that there was nothing to do.
func (t *Task) SetCached() { t.cached.Store(true) }

// Cached says whether there was nothing to do.
func (t *Task) Cached() bool { return t.cached.Load() }

// Line passes on one line of output of the work.
func (t *Task) Line(line string) {
	if t.sink != nil {
		t.sink.Line(t, redact.Text(line))
	}
}

// Warn is like the function Warn, for code that has the task at hand.
func (t *Task) Warn(message string) {
	if t.sink != nil {
		t.sink.Warning(redact.Text(message))
	}
}

// Done ends the task. err is what went wrong, or nil. If it or an error in it has a
// method HoldsOutput(), its text holds what the work printed, and a display does not
// show that again.
func (t *Task) Done(err error) {
	if t.sink != nil {
		t.sink.Finished(t, redact.Error(err))
	}
}

// Reader counts what is read from r.
func (t *Task) Reader(r io.Reader) io.Reader { return &countingReader{r, t} }

type countingReader struct {
	r io.Reader
	t *Task
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.t.Add(n)
	return n, err
}
