package progress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/slipway-build/slipway/internal/redact"
)

// A Mode is how a Display shows tasks.
type Mode string

// The modes, see the package's comment. Auto is TTY on a terminal that can move
// its cursor, and Plain elsewhere and in CI.
const (
	Auto  Mode = "auto"
	TTY   Mode = "tty"
	Plain Mode = "plain"
	JSON  Mode = "json"
	None  Mode = "none"
)

// modes are all modes, in the order in which help lists them.
func modes() []Mode { return []Mode{Auto, TTY, Plain, JSON, None} }

// ParseMode reads the value of --progress or PROGRESS; empty is Auto.
func ParseMode(s string) (Mode, error) {
	if s == "" {
		return Auto, nil
	}
	if m := Mode(s); slices.Contains(modes(), m) {
		return m, nil
	}
	return "", fmt.Errorf("progress %q: want auto, tty, plain, json or none", s)
}

// Options are what a Display can be told. The zero value is a quiet display
// that knows nothing of its surroundings.
type Options struct {
	// Verbose shows what tasks print as it comes, not only when they fail. In the
	// mode None it means nothing.
	Verbose bool
	// Getenv is os.Getenv, or nil for an empty environment. TERM and CI decide
	// what Auto is; TERM and NO_COLOR whether there is colour.
	Getenv func(string) string
}

// A Display shows tasks to a person or a log. It is a Sink, and an io.Writer for
// other lines that are to stand among the tasks', such as a logger's. Its methods
// may be called from several goroutines.
type Display struct {
	mode   Mode
	styled bool
	now    func() time.Time
	stop   chan struct{} // closed by Close
	ticks  sync.WaitGroup

	mu      sync.Mutex
	view    view
	verbose bool
	closed  bool
	began   int // tasks so far
	running map[*Task]*running
	warned  map[string]bool // messages that were shown
	partial strings.Builder // what was written after the last newline
}

// running is a task as the display knows it.
type running struct {
	*Task
	id     int
	began  time.Time
	output tail
}

// A view draws. Its calls are made one at a time.
type view interface {
	started(r *running)
	line(r *running, line string)
	finished(e end)
	log(line string)
	warning(message string)
	// tick is called at intervals with the running tasks, in the order of
	// their beginning.
	tick(rs []*running)
	close()
}

// An end is how a task ended.
type end struct {
	*running
	err   error
	lasts time.Duration
	// output is what the task printed, if it is to be shown now.
	output []string
}

// New returns a display that writes to w. Close must be called.
func New(mode Mode, w io.Writer, o Options) *Display {
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if mode == Auto {
		mode = Plain
		if isTerminal(w) && o.Getenv("TERM") != "dumb" && !isSet(o.Getenv("CI")) {
			mode = TTY
		}
	}
	// Windows has terminals without TERM, and some of them show no colour.
	styled := mode == TTY && o.Getenv("NO_COLOR") == "" && o.Getenv("TERM") != "" && o.Getenv("TERM") != "dumb"
	d := newDisplay(mode, w, styled, time.Now)
	d.verbose = o.Verbose && mode != None
	interval := map[Mode]time.Duration{TTY: 100 * time.Millisecond, Plain: time.Second, JSON: 2 * time.Second}[mode]
	if interval > 0 {
		d.ticks.Go(func() { d.watch(interval) })
	}
	return d
}

// newDisplay returns a display that nobody ticks.
func newDisplay(mode Mode, w io.Writer, styled bool, now func() time.Time) *Display {
	d := &Display{
		mode: mode, styled: styled, now: now,
		stop: make(chan struct{}), running: map[*Task]*running{}, warned: map[string]bool{},
	}
	switch mode {
	case TTY:
		d.view = newTerminal(w, styled, now)
	case JSON:
		d.view = newJSONLines(w, now)
	case None:
		d.view = failures{newPlain(w, now)}
	default:
		d.view = newPlain(w, now)
	}
	return d
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// isSet reads a switch of the environment: CI=false is not in CI.
func isSet(s string) bool { return s != "" && s != "0" && !strings.EqualFold(s, "false") }

// Mode is what the display shows; never Auto.
func (d *Display) Mode() Mode { return d.mode }

// Context returns a context whose tasks the display shows.
func (d *Display) Context(ctx context.Context) context.Context { return With(ctx, d) }

func (d *Display) watch(interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			d.tick()
		case <-d.stop:
			return
		}
	}
}

func (d *Display) tick() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	rs := make([]*running, 0, len(d.running))
	for _, r := range d.running {
		rs = append(rs, r)
	}
	slices.SortFunc(rs, func(a, b *running) int { return a.id - b.id })
	d.view.tick(rs)
}

// Started implements Sink.
func (d *Display) Started(t *Task) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.began++
	r := &running{Task: t, id: d.began, began: d.now()}
	d.running[t] = r
	d.view.started(r)
}

// Line implements Sink.
func (d *Display) Line(t *Task, line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.running[t]
	switch {
	case r == nil:
	case d.verbose:
		d.view.line(r, line)
	default:
		r.output.add(line)
	}
}

// Finished implements Sink.
func (d *Display) Finished(t *Task, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.running[t]
	if r == nil {
		return
	}
	delete(d.running, t)
	e := end{running: r, err: err, lasts: d.now().Sub(r.began)}
	var told interface{ HoldsOutput() }
	if e.failed() && !errors.As(err, &told) {
		e.output = r.output.lines()
	}
	d.view.finished(e)
}

// Warning implements Sink. Work for several platforms finds the same fault in one
// file, so equal messages are shown once.
func (d *Display) Warning(message string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.warned[message] {
		return
	}
	d.warned[message] = true
	d.view.warning(message)
}

// failed says whether something went wrong with this task: those that are
// stopped because another failed, or because the user wants it, are no news.
func (e end) failed() bool { return e.err != nil && !errors.Is(e.err, context.Canceled) }

// word says how the task ended.
func (e end) word() string {
	switch {
	case e.failed():
		return "failed"
	case e.err != nil:
		return "stopped"
	case e.Cached():
		return "cached"
	}
	return "done"
}

// brief is the first line of the error. Whoever owns the terminal prints all of
// it at the end.
func (e end) brief() string {
	first, _, _ := strings.Cut(e.err.Error(), "\n")
	return first
}

// Write shows whole lines among those of the tasks, so that a logger does not
// write through the bars. In json mode they become events. It returns no error.
func (d *Display) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return len(p), nil
	}
	d.partial.Write(p)
	for {
		line, rest, ok := strings.Cut(d.partial.String(), "\n")
		if !ok {
			return len(p), nil
		}
		d.view.log(redact.Text(line))
		d.partial.Reset()
		d.partial.WriteString(rest)
	}
}

// Close shows what is left to show and gives the terminal back. Tasks that end
// later are not shown, since what follows is the caller's: a table, an error. It
// may be called twice.
func (d *Display) Close() {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return
	}
	if d.partial.Len() > 0 {
		d.view.log(redact.Text(d.partial.String()))
	}
	d.closed = true
	d.running = nil
	d.view.close()
	d.mu.Unlock()
	close(d.stop)
	d.ticks.Wait()
}

// A tail keeps the last lines of a task's output. More would not be read, and
// there may be thousands of tasks.
type tail struct {
	last    []string
	dropped int
}

const tailLines = 200

func (t *tail) add(line string) {
	if len(t.last) == tailLines {
		// Shift half at once, so that a chatty program costs nothing per line.
		t.dropped += tailLines / 2
		t.last = append(t.last[:0], t.last[tailLines/2:]...)
	}
	t.last = append(t.last, line)
}

func (t *tail) lines() []string {
	if t.dropped == 0 {
		return t.last
	}
	return append([]string{fmt.Sprintf("(%d earlier lines are left out)", t.dropped)}, t.last...)
}
