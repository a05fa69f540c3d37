package release

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/why"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

// runRecorded runs package, and returns its record and error.
func (r *testRelease) runRecorded() (*record.Record, error) {
	r.t.Helper()
	r.options.Record = filepath.Join(r.t.TempDir(), "records", "package.json")
	b := r.open()
	selection, err := plan.Select("package", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	failure := b.Recorded(r.t.Context(), "slipway package", selection, func(ctx context.Context) error { return b.Run(ctx, selection) })
	got, err := record.ReadFile(r.options.Record)
	if err != nil {
		r.t.Fatal(err)
	}
	if diff := cmp.Diff([]*record.Record{got}, record.Kept(r.t.Context(), b.bench.Cache, b.path("dist"))); diff != "" {
		r.t.Errorf("the cache has another record: %s", diff)
	}
	return got, failure
}

func statesOf(run *record.Record) []string {
	var states []string
	for _, s := range run.Steps {
		states = append(states, s.Name()+": "+s.State)
	}
	return states
}

// A record has the steps of a run with their states, needs and reasons, and the tasks of each.
func TestARunIsRecordedWithItsReasons(t *testing.T) {
	r := makeExplained(t)
	first, err := r.runRecorded()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"binary acme@linux/amd64: up-to-date", "image acme-runtime@linux/amd64: up-to-date", "archive core@linux/amd64: up-to-date",
		"archive images@linux/amd64: up-to-date", "bundle acme@linux/amd64: up-to-date"}
	if diff := cmp.Diff(want, statesOf(first)); diff != "" {
		t.Error(diff)
	}
	testfile.Write(t, filepath.Join(r.dir, "src", "cmd", "acme", "x.go"), "package main\n\nvar name, key string\n\nfunc main() { println(name, key, 2) }\n")
	changed, err := r.runRecorded()
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if want[i] != "archive images@linux/amd64: up-to-date" {
			want[i] = strings.Replace(want[i], "up-to-date", "made", 1)
		}
	}
	if diff := cmp.Diff(want, statesOf(changed)); diff != "" {
		t.Error(diff)
	}
	needs := map[string][]string{}
	for _, s := range changed.Steps {
		needs[s.Name()] = s.Needs
	}
	if diff := cmp.Diff(map[string][]string{
		"binary acme@linux/amd64": nil, "archive images@linux/amd64": nil,
		"image acme-runtime@linux/amd64": {"binary acme@linux/amd64"}, "archive core@linux/amd64": {"image acme-runtime@linux/amd64"},
		"bundle acme@linux/amd64": {"binary acme@linux/amd64"},
	}, needs); diff != "" {
		t.Error(diff)
	}
	if s := changed.Steps[0]; s.First || len(s.Reasons) == 0 || s.Reasons[0].Kind != why.File || s.Reasons[0].Name != "src/cmd/acme/x.go" {
		t.Errorf("reasons of the binary: %+v", s.Reasons)
	}
	for _, step := range []string{"binary acme@linux/amd64", "image acme-runtime@linux/amd64", "archive core@linux/amd64", "bundle acme@linux/amd64"} {
		if !slices.ContainsFunc(changed.Tasks, func(task record.Task) bool { return slices.Contains(task.Steps, step) }) {
			t.Errorf("no task belongs to %s", step)
		}
	}
	if changed.Project != "acme" || changed.Release.Version == "" || changed.Seconds <= 0 || changed.Failure != "" {
		t.Errorf("record %+v", changed)
	}
}

// A run that fails is recorded, too, and without secrets.
func TestAFailedRunIsRecorded(t *testing.T) {
	r := makeExplained(t)
	testfile.Write(t, filepath.Join(r.dir, "src", "cmd", "acme", "x.go"), "package main\n\nfunc main() { hunter2hunter2() }\n")
	got, err := r.runRecorded()
	if err == nil {
		t.Fatal("package succeeds with a program that does not compile")
	}
	raw, err := os.ReadFile(r.options.Record)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "hunter2hunter2") {
		t.Errorf("the record has a secret: %s", raw)
	}
	if got.Totals().Failed == 0 || !strings.Contains(got.Failure, "x.go:3") || got.Steps[0].State != record.Unfinished {
		t.Errorf("record %+v", got)
	}
}

// So is one that is interrupted.
func TestAnInterruptedRunIsRecorded(t *testing.T) {
	r := makeRelease(t)
	r.options.Record = filepath.Join(t.TempDir(), "record.json")
	b := r.open()
	ctx, interrupt := context.WithCancelCause(t.Context())
	err := b.Recorded(ctx, "slipway verify", plan.Selection{Verb: "verify"}, func(ctx context.Context) error {
		progress.Start(ctx, "endless")
		interrupt(errors.New("interrupted"))
		return context.Cause(ctx)
	})
	if err == nil {
		t.Fatal("an interrupted run succeeds")
	}
	got, err := record.ReadFile(r.options.Record)
	if err != nil {
		t.Fatal(err)
	}
	if got.Failure != "interrupted" || len(got.Tasks) != 1 || !got.Tasks[0].Stopped {
		t.Errorf("record %+v", got)
	}
	if kept := record.Kept(t.Context(), b.bench.Cache, b.path("dist")); len(kept) != 1 {
		t.Errorf("the cache has %d records", len(kept))
	}
}

// What cannot be written is an error, even if the work succeeds.
func TestARecordThatCannotBeWrittenIsAnError(t *testing.T) {
	r := makeRelease(t)
	r.options.Record = r.dir // a folder
	b := r.open()
	err := b.Recorded(t.Context(), "slipway verify", plan.Selection{Verb: "verify"}, func(context.Context) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "writing the record of the run") {
		t.Errorf("%v", err)
	}
}

// A record says which tasks took something from a shared cache, and from which one.
func TestTasksThatUseASharedCacheNameIt(t *testing.T) {
	imagetest.Program(t, "go")
	r := makeRelease(t)
	folder := filepath.ToSlash(filepath.Join(t.TempDir(), "shared"))
	r.options.Shared.To.Texts = []string{"type=local,dest=" + folder}
	r.options.Shared.From.Texts = []string{"type=local,src=" + folder}
	if _, err := r.runRecorded(); err != nil {
		t.Fatal(err)
	}
	r.options.Cache = t.TempDir()
	r.options.Dist = filepath.Join(t.TempDir(), "dist")
	fresh, err := r.runRecorded()
	if err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"layer ", "compress ", "pull "} {
		if !slices.ContainsFunc(fresh.Tasks, func(task record.Task) bool {
			return strings.HasPrefix(task.Name, prefix) && strings.Contains(filepath.ToSlash(task.From), folder) && (prefix == "pull " || task.Cached)
		}) {
			t.Errorf("no task %q names the shared cache: %+v", prefix, fresh.Tasks)
		}
	}
	for _, task := range fresh.Tasks {
		if strings.HasPrefix(task.Name, "compile ") && task.From != "" {
			t.Errorf("%+v: a compiler takes nothing from a shared cache", task)
		}
	}
}
