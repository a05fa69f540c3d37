package record

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/progress"
)

type digest string

func (d digest) String() string { return string(d) }

// A clock is a time that tests set.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

// A sink counts events.
type sink struct {
	mu                        sync.Mutex
	started, finished, warned int
}

func (s *sink) add(n *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

func (s *sink) Started(*progress.Task)         { s.add(&s.started) }
func (s *sink) Line(*progress.Task, string)    {}
func (s *sink) Warning(string)                 { s.add(&s.warned) }
func (s *sink) Finished(*progress.Task, error) { s.add(&s.finished) }

func noVariables(string) string { return "" }

func TestARunIsRecorded(t *testing.T) {
	c := &clock{time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)}
	next := &sink{}
	r := newRecorder(next, c.now)
	ctx := progress.With(t.Context(), r)
	compile := progress.Start(progress.Within(ctx, "binary acme@linux/amd64"), "compile acme hunter22")
	c.advance(time.Second)
	pull := progress.Start(ctx, "pull base")
	pull.SetTotal(10)
	pull.Add(7)
	compile.SetDigest(digest("sha256:abc"), nil)
	compile.SetCached()
	compile.SetWorker("tcp://me:pass@10.0.0.5:1234")
	progress.Found(ctx, "of no task")
	progress.Found(compile.Context(ctx), "type=local,src=/cache/hunter22")
	compile.Done(nil)
	c.advance(1500 * time.Microsecond)
	progress.Warn(ctx, "b: hunter22")
	progress.Warn(ctx, "a")
	progress.Warn(ctx, "a")
	pull.Done(errors.New("GET https://me:secret@example.com: hunter22"))
	stopped, late := progress.Start(ctx, "stopped"), progress.Start(ctx, "late")
	stopped.Done(fmt.Errorf("reading: %w", context.Canceled))
	c.advance(time.Second)
	secrets := &redact.Secrets{}
	secrets.Add("hunter22")
	got := &Record{Command: "slipway build"}
	r.End(got, errors.New("no hunter22"), secrets, func(name string) string {
		return map[string]string{"RUNNER_NAME": "runner 7"}[name]
	})
	late.Done(nil)
	progress.Start(ctx, "after the end").Done(nil)
	progress.Warn(ctx, "after the end")

	if got.Machine.Name != "runner 7" || got.Machine.OS == "" || got.Machine.Cores < 1 {
		t.Errorf("machine %+v", got.Machine)
	}
	got.Machine = Machine{}
	want := &Record{
		Format: 1, Command: "slipway build", Started: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Seconds: 2.0015, Failure: "no ***",
		Steps: []Step{}, Warnings: []string{"a", "b: ***"}, Tasks: []Task{
			{Name: "compile acme ***", Steps: []string{"binary acme@linux/amd64"}, End: 1, Cached: true, Digest: "sha256:abc",
				Worker: "tcp://***@10.0.0.5:1234", From: "type=local,src=/cache/***"},
			{Name: "pull base", Start: 1, End: 1.0015, Bytes: 7, Failure: "GET https://***@example.com: ***"},
			{Name: "stopped", Start: 1.0015, End: 1.0015, Stopped: true},
			{Name: "late", Start: 1.0015, End: 2.0015, Stopped: true},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if next.started != 5 || next.finished != 5 || next.warned != 4 {
		t.Errorf("%+v", next)
	}
	raw, err := got.encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, again, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// A compiler's output may be long.
func TestLongFailuresAreShortened(t *testing.T) {
	ctx, r := Start(t.Context())
	progress.Start(ctx, "compile").Done(errors.New(strings.Repeat("ä", maxFailure)))
	got := &Record{}
	r.End(got, nil, &redact.Secrets{}, noVariables)
	if text := got.Tasks[0].Failure; len(text) > maxFailure+3 || !strings.HasSuffix(text, "ä…") {
		t.Errorf("%d bytes, which end with %q", len(text), text[len(text)-10:])
	}
}

func TestTasksOfManyGoroutinesAreRecorded(t *testing.T) {
	ctx, r := Start(progress.With(t.Context(), &sink{}))
	var running sync.WaitGroup
	for range 50 {
		running.Go(func() {
			for range 20 {
				progress.Start(ctx, "task").Done(nil)
			}
		})
	}
	running.Wait()
	got := &Record{Command: "slipway build"}
	r.End(got, nil, &redact.Secrets{}, noVariables)
	if len(got.Tasks) != 1000 {
		t.Errorf("%d tasks", len(got.Tasks))
	}
	got.Format = format
	if err := got.check(); err != nil {
		t.Error(err)
	}
}

// BenchmarkRecorder measures what recording costs for a task.
func BenchmarkRecorder(b *testing.B) {
	for _, recorded := range []bool{false, true} {
		b.Run(fmt.Sprintf("recorded=%v", recorded), func(b *testing.B) {
			b.ReportAllocs()
			ctx := progress.With(b.Context(), &sink{})
			if recorded {
				ctx, _ = Start(ctx)
			}
			for b.Loop() {
				task := progress.Start(ctx, "compile slipway linux/amd64")
				task.Add(1)
				task.Done(nil)
			}
		})
	}
}
