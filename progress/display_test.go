package progress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/golden"
)

// A clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// story makes one call of each kind to a display.
func story(ctx context.Context, d *Display, c *clock) {
	ctx = d.Context(ctx)
	compile := Start(ctx, "compile slipway linux/amd64")
	pull := Start(ctx, "pull 127.0.0.1:5000/base:v1")
	pull.SetTotal(120_000_000)
	pull.Add(5_000_000)
	c.advance(1500 * time.Millisecond)
	d.tick()
	cached := Start(ctx, "assemble slipway-runtime windows/amd64:10.0.20348.4294")
	cached.SetCached()
	cached.Done(nil)
	compile.Line("./main.go:3:1: \x1b[31mundefined\x1b[m: x\r")
	compile.Line("\ttab, and a bell\a")
	c.advance(9 * time.Second)
	pull.Add(35_000_000)
	d.tick() // the first heartbeats
	c.advance(time.Second)
	d.tick() // none is due
	compile.Warn("Dockerfile:3: a warning \x1b[31mof a task\x1b[m")
	pull.Warn("Dockerfile:3: a warning \x1b[31mof a task\x1b[m")
	Warn(ctx, "a warning of the run\nin two lines\n")
	compile.Done(errors.New("compiling slipway: exit status 1\nand more that the caller prints"))
	archive := Start(ctx, "archive slipway-images.linux-amd64.tar.zst")
	fmt.Fprint(d, "level=warn msg=\"two")
	fmt.Fprint(d, " parts\"\nlevel=info msg=next\n")
	c.advance(40 * time.Second)
	d.tick()
	archive.Done(fmt.Errorf("archiving: %w", context.Canceled))
	pull.Add(80_000_000)
	pull.Done(nil)
	quick := Start(ctx, "write checksums")
	quick.Done(nil)
	fmt.Fprint(d, "no newline at the end")
	d.Close()
	d.Close()
	late := Start(ctx, "a task after the end")
	late.Line("unseen")
	late.Warn("unseen")
	late.Done(errors.New("unseen"))
	fmt.Fprintln(d, "unseen")
}

func TestDisplaysTellTheStory(t *testing.T) {
	for _, c := range []struct {
		name    string
		mode    Mode
		verbose bool
	}{{"plain", Plain, false}, {"plain verbose", Plain, true}, {"github", GitHub, false}, {"gitlab", GitLab, false}, {"json", JSON, false}, {"none", None, false}} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			clock := newClock()
			d := newDisplay(c.mode, &b, false, Options{Title: "slipway package"}, clock.now)
			d.verbose = c.verbose
			story(t.Context(), d, clock)
			golden.Equal(t, b.Bytes())
		})
	}
}

func TestJSONLinesAreJSON(t *testing.T) {
	var b bytes.Buffer
	c := newClock()
	d := newDisplay(JSON, &b, false, Options{}, c.now)
	story(t.Context(), d, c)
	for line := range strings.Lines(b.String()) {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if e.Event == "" || e.Time.IsZero() {
			t.Errorf("missing event or time in %s", line)
		}
	}
}

func TestOutputOfAFailedTaskIsBounded(t *testing.T) {
	var b bytes.Buffer
	d := newDisplay(Plain, &b, false, Options{}, newClock().now)
	task := Start(d.Context(t.Context()), "chatty")
	for i := range 10_000 {
		task.Line(fmt.Sprint("line ", i))
	}
	task.Done(errors.New("boom"))
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) > tailLines+2 || len(lines) < tailLines/2 {
		t.Errorf("%d lines are shown", len(lines))
	}
	left := 10_000 - (len(lines) - 2)
	if want := fmt.Sprintf("        | (%d earlier lines omitted)", left); lines[1] != want {
		t.Errorf("the second line is %q, want %q", lines[1], want)
	}
	if want := "        | line 9999"; lines[len(lines)-1] != want {
		t.Errorf("the last line is %q, want %q", lines[len(lines)-1], want)
	}
}

func TestAutoIsPlainWhereNobodyWatches(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"no terminal":        nil,
		"no terminal, xterm": {"TERM": "xterm"},
		"in CI":              {"TERM": "xterm", "CI": "true"},
	} {
		t.Run(name, func(t *testing.T) {
			d := New(Auto, io.Discard, Options{Getenv: func(k string) string { return env[k] }})
			defer d.Close()
			if d.Mode() != Plain || d.styled {
				t.Errorf("mode is %s, styled %v", d.Mode(), d.styled)
			}
		})
	}
}

func TestParseMode(t *testing.T) {
	for in, want := range map[string]Mode{"": Auto, "auto": Auto, "tty": TTY, "plain": Plain, "json": JSON, "none": None} {
		if got, err := ParseMode(in); err != nil || got != want {
			t.Errorf("%q is %q, %v", in, got, err)
		}
	}
	_, err := ParseMode("fancy")
	if want := `progress "fancy": want auto, tty, plain, github, gitlab, json or none`; err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
}

// Many tasks at the same time, from many goroutines, in every mode; nothing remains except for the
// output.
func TestThousandsOfTasksLeaveNothingBehind(t *testing.T) {
	const tasks = 5000
	for _, mode := range []Mode{TTY, Plain, JSON, None} {
		t.Run(string(mode), func(t *testing.T) {
			before := runtime.NumGoroutine()
			var b lockedBuffer
			d := New(mode, &b, Options{})
			ctx := d.Context(t.Context())
			var wg sync.WaitGroup
			slots := make(chan struct{}, 50)
			for i := range tasks {
				slots <- struct{}{}
				wg.Go(func() {
					defer func() { <-slots }()
					task := Start(ctx, fmt.Sprint("task ", i))
					task.SetTotal(10)
					task.Add(10)
					task.Line("a line")
					if i%100 == 0 {
						time.Sleep(2 * patience) // long enough for a row
					}
					task.Done(nil)
				})
			}
			wg.Wait()
			d.Close()
			if mode == Plain {
				if got := strings.Count(b.String(), "\n"); got != tasks {
					t.Errorf("%d lines for %d tasks", got, tasks)
				}
			}
			if len(d.running) != 0 {
				t.Errorf("%d tasks are remembered", len(d.running))
			}
			// Goroutines end some time after their last work.
			for range 500 {
				if runtime.NumGoroutine() <= before {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Errorf("%d goroutines became %d", before, runtime.NumGoroutine())
		})
	}
}

// An interrupt ends the context while tasks run and others begin, and Close is called in between.
func TestCloseInTheMidstOfTasks(t *testing.T) {
	for _, mode := range []Mode{TTY, Plain, JSON, None} {
		t.Run(string(mode), func(t *testing.T) {
			d := New(mode, &lockedBuffer{}, Options{Verbose: true})
			ctx, cancel := context.WithCancel(d.Context(t.Context()))
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					for ctx.Err() == nil {
						task := Start(ctx, "task")
						task.Line("line")
						task.Add(1)
						task.Done(ctx.Err())
					}
				})
			}
			d.tick()
			wg.Go(d.Close)
			d.Close()
			cancel()
			wg.Wait()
		})
	}
}

// A writer that fails, like a closed pipe, stops nothing.
func TestAFailingWriterStopsNothing(t *testing.T) {
	for _, mode := range []Mode{TTY, Plain, JSON, None} {
		t.Run(string(mode), func(t *testing.T) {
			d := New(mode, brokenPipe{}, Options{})
			ctx := d.Context(t.Context())
			for range 3 {
				task := Start(ctx, "task")
				time.Sleep(2 * patience)
				task.Done(errors.New("boom"))
			}
			d.Close()
		})
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A lockedBuffer may be read while it is written to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestTasksWithoutADisplayAreSilent(t *testing.T) {
	task := Start(t.Context(), "silent")
	task.SetTotal(3)
	if _, err := io.ReadAll(task.Reader(strings.NewReader("abc"))); err != nil {
		t.Fatal(err)
	}
	task.Line("unseen")
	task.Warn("unseen")
	Warn(t.Context(), "unseen")
	task.Done(nil)
	done, total := task.Bytes()
	if diff := cmp.Diff([]int64{3, 3}, []int64{done, total}); diff != "" {
		t.Error(diff)
	}
}
