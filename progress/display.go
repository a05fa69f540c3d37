package progress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/slipway-build/slipway/internal/redact"
)

// A Mode selects how a Display shows tasks.
type Mode string

// The modes; see the package comment. For Auto, see Resolve.
const (
	Auto   Mode = "auto"
	TTY    Mode = "tty"
	Plain  Mode = "plain"
	GitHub Mode = "github"
	GitLab Mode = "gitlab"
	JSON   Mode = "json"
	None   Mode = "none"
)

// modes returns all modes, in the order in which help lists them.
func modes() []Mode { return []Mode{Auto, TTY, Plain, GitHub, GitLab, JSON, None} }

// ParseMode parses the value of --progress or PROGRESS; empty means Auto.
func ParseMode(s string) (Mode, error) {
	if s == "" {
		return Auto, nil
	}
	if m := Mode(s); slices.Contains(modes(), m) {
		return m, nil
	}
	return "", fmt.Errorf("progress %q: want auto, tty, plain, github, gitlab, json or none", s)
}

// Options configure a Display. The zero value is a display without verbose output, in an empty
// environment.
type Options struct {
	// Verbose shows the output of tasks immediately, not only when they fail. It has no effect in
	// mode None.
	Verbose bool
	// Title names the section of the log in modes GitHub and GitLab, such as "slipway build". Without
	// it there is no section.
	Title string
	// Getenv is os.Getenv, or nil for an empty environment. Resolve documents the variables that determine the meaning
	// of Auto. TERM and NO_COLOR determine whether colors are used. Paths of annotations are relative to
	// GITHUB_WORKSPACE.
	Getenv func(string) string
}

func (o Options) getenv(name string) string {
	if o.Getenv == nil {
		return ""
	}
	return o.Getenv(name)
}

// Resolve returns the mode that Auto means for w: TTY on a terminal with cursor control outside of CI,
// GitHub in a job of GitHub Actions, GitLab in a job of GitLab CI, and otherwise Plain. It returns other
// modes as they are.
func Resolve(mode Mode, w io.Writer, getenv func(string) string) Mode {
	switch {
	case mode != Auto && mode != "":
		return mode
	case isSet(getenv("GITHUB_ACTIONS")):
		return GitHub
	case isSet(getenv("GITLAB_CI")):
		return GitLab
	case isTerminal(w) && getenv("TERM") != "dumb" && !isSet(getenv("CI")):
		return TTY
	}
	return Plain
}

// A Display shows tasks to a person or a log. It is a Sink, and an io.Writer for other lines that
// appear among those of tasks, such as a logger's. Its methods may be called from several
// goroutines.
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
	began   int // number of tasks so far
	running map[*Task]*running
	warned  map[string]bool // messages shown so far
	partial strings.Builder // text after the last newline
}

// running is the state of a running task.
type running struct {
	*Task
	id     int
	began  time.Time
	output tail
}

// A view renders tasks. Calls are serialized.
type view interface {
	started(r *running)
	line(r *running, line string)
	finished(e end)
	log(line string)
	warning(message string)
	// tick is called periodically with the running tasks, in the order of their start.
	tick(rs []*running)
	close()
}

// An end is the result of a task.
type end struct {
	*running
	err   error
	lasts time.Duration
	// output is the output of the task, if it is to be shown now.
	output []string
}

// New returns a display that writes to w. The caller must call Close.
func New(mode Mode, w io.Writer, o Options) *Display {
	mode = Resolve(mode, w, o.getenv)
	// Some terminals on Windows set no TERM and do not support colors.
	styled := mode == TTY && o.getenv("NO_COLOR") == "" && o.getenv("TERM") != "" && o.getenv("TERM") != "dumb"
	d := newDisplay(mode, w, styled, o, time.Now)
	d.verbose = o.Verbose && mode != None
	interval := map[Mode]time.Duration{TTY: 100 * time.Millisecond, Plain: time.Second, GitHub: time.Second, GitLab: time.Second, JSON: 2 * time.Second}[mode]
	if interval > 0 {
		d.ticks.Go(func() { d.watch(interval) })
	}
	return d
}

// newDisplay returns a display without a ticker.
func newDisplay(mode Mode, w io.Writer, styled bool, o Options, now func() time.Time) *Display {
	d := &Display{
		mode: mode, styled: styled, now: now,
		stop: make(chan struct{}), running: map[*Task]*running{}, warned: map[string]bool{},
	}
	switch mode {
	case TTY:
		d.view = newTerminal(w, styled, now)
	case GitHub:
		workspace := o.getenv("GITHUB_WORKSPACE")
		d.view = &service{plain: newPlain(w, now), title: o.Title, dialect: githubDialect,
			annotate: func(level, message string) string { return annotation(workspace, level, message) }}
	case GitLab:
		d.view = &service{plain: newPlain(w, now), title: o.Title, dialect: gitlabDialect}
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

// isSet interprets an environment variable as a switch: CI=false means not in CI.
func isSet(s string) bool { return s != "" && s != "0" && !strings.EqualFold(s, "false") }

// Mode returns the mode of the display; never Auto.
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

// Warning implements Sink. Steps for several platforms find the same mistake in a file, so
// identical messages are shown once.
func (d *Display) Warning(message string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.warned[message] {
		return
	}
	d.warned[message] = true
	d.view.warning(message)
}

// failed reports whether the task itself failed. A task that was canceled, because another failed
// or by the user, did not.
func (e end) failed() bool { return e.err != nil && !errors.Is(e.err, context.Canceled) }

// word returns how the task ended.
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

// brief returns the first line of the error. The caller of the display prints the complete error at
// the end.
func (e end) brief() string {
	first, _, _ := strings.Cut(e.err.Error(), "\n")
	return first
}

// Write shows complete lines among those of the tasks, so that a logger does not write over the
// bars. In mode JSON, they become events. It returns no error.
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

// Warnings returns the warnings shown so far, sorted.
func (d *Display) Warnings() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.warned))
}

// Close shows what is left to show and releases the terminal. Tasks that end later are not shown,
// so that the caller can print a table or an error. Close may be called twice.
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

// A tail keeps the last lines of a task's output. Nobody would read more, and there may be
// thousands of tasks.
type tail struct {
	last    []string
	dropped int
}

const tailLines = 200

func (t *tail) add(line string) {
	if len(t.last) == tailLines {
		// Drop half of the lines at once, so that the cost per line is constant.
		t.dropped += tailLines / 2
		t.last = append(t.last[:0], t.last[tailLines/2:]...)
	}
	t.last = append(t.last, line)
}

func (t *tail) lines() []string {
	if t.dropped == 0 {
		return t.last
	}
	return append([]string{fmt.Sprintf("(%d earlier lines omitted)", t.dropped)}, t.last...)
}
