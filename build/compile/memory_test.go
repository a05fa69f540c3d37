package compile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// countingGo puts a go command into PATH that adds a line to a file whenever it runs, and returns a
// function that counts the lines. The command is in a folder with a VERSION, like the real one.
func countingGo(t *testing.T) func() int {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell script in the place of go")
	}
	goroot := strings.TrimSpace(goOutput(t, "env", "GOROOT"))
	real := imagetest.Program(t, "go")
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	version, err := os.ReadFile(filepath.Join(goroot, "VERSION"))
	if err != nil {
		testfile.Missing(t, "this Go is not a release: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "VERSION"), version, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\necho \"$@\" >>'%s'\nexec '%s' \"$@\"\n", log, real)
	if err := os.WriteFile(filepath.Join(dir, "bin", "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(dir, "bin")+string(filepath.ListSeparator)+os.Getenv("PATH"))
	return func() int {
		data, _ := os.ReadFile(log)
		return strings.Count(string(data), "\n")
	}
}

func goOutput(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// inWorkspace is a module in a workspace, with a replacement, a nested module, and files that are
// not source.
const inWorkspace = `
-- go.work --
go 1.21

use ./main
use ./used
-- used/go.mod --
module example.com/used

go 1.21
-- used/used.go --
package used

const Word = "used"
-- replaced/go.mod --
module example.com/replaced

go 1.21
-- replaced/replaced.go --
package replaced

const Word = "replaced"
-- main/go.mod --
module example.com/main

go 1.21

require example.com/replaced v1.0.0

replace example.com/replaced => ../replaced
-- main/README.md --
A text.
-- main/.git/HEAD --
ref: refs/heads/main
-- main/dist/notes.txt --
no source
-- main/inner/go.mod --
module example.com/main/inner

go 1.21
-- main/inner/inner.go --
package inner
-- main/cmd/one/main.go --
package main

import (
	_ "embed"

	"example.com/replaced"
	"example.com/used"
)

//go:embed data.txt
var data string

func main() { println(replaced.Word, used.Word, data) }
-- main/cmd/one/data.txt --
data
-- main/cmd/two/main.go --
package main

func main() { println("two") }
`

func TestGoRunsOnlyWhereSomethingChanged(t *testing.T) {
	runs := countingGo(t)
	root := module(t, inWorkspace)
	dir := filepath.Join(root, "main")
	c := newCompiler(t, dir)
	targets := []Target{target(t, dir, "one", host), target(t, dir, "two", host)}

	edit := func(name, old, new string) func(t *testing.T) {
		return func(t *testing.T) {
			path := filepath.Join(root, filepath.FromSlash(name))
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(data), old, new)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	must := func(do func() error) func(t *testing.T) {
		return func(t *testing.T) {
			if err := do(); err != nil {
				t.Fatal(err)
			}
		}
	}
	one := targets[0].Output
	for _, step := range []struct {
		name   string
		change func(t *testing.T)
		runs   bool   // go is run
		same   bool   // the binary of one keeps its times
		prints string // by one
	}{
		{"the first time", func(*testing.T) {}, true, false, "replaced used data"},
		{"nothing changed", func(*testing.T) {}, false, true, "replaced used data"},
		{"a file that is not source", edit("main/README.md", "text", "tale"), true, true, "replaced used data"},
		{"a source of the other", edit("main/cmd/two/main.go", "two", "2"), true, true, "replaced used data"},
		{"a source of the same size, and its time put back", func(t *testing.T) {
			path := filepath.Join(dir, "cmd/one/main.go")
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			edit("main/cmd/one/main.go", "println(replaced.Word, used.Word, data)", "println(used.Word, replaced.Word, data)")(t)
			if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}, true, false, "used replaced data"},
		{"an embedded file", edit("main/cmd/one/data.txt", "data", "more"), true, false, "used replaced more"},
		{"a new file", func(t *testing.T) {
			write(t, dir, "-- cmd/one/init.go --\npackage main\n\nfunc init() { data = \"new\" }\n")
		}, true, false, "used replaced new"},
		{"a file less", must(func() error { return os.Remove(filepath.Join(dir, "cmd/one/init.go")) }), true, false, "used replaced more"},
		{"a replacement", edit("replaced/replaced.go", `"replaced"`, `"REPLACED"`), true, false, "used REPLACED more"},
		{"another module of the workspace", edit("used/used.go", `"used"`, `"USED"`), true, false, "USED REPLACED more"},
		{"the workspace itself", edit("go.work", "use ./used", "use ./used // as before"), true, true, "USED REPLACED more"},
		{"a module inside the module", edit("main/inner/inner.go", "package", "package "), false, true, "USED REPLACED more"},
		{"git's own files", edit("main/.git/HEAD", "main", "other"), false, true, "USED REPLACED more"},
		{"what is ignored", edit("main/dist/notes.txt", "no source", "none"), false, true, "USED REPLACED more"},
		{"a hard link to the binary", must(func() error { return os.Link(one, filepath.Join(root, "link")) }), false, true, "USED REPLACED more"},
		{"the binary's mode", must(func() error { return os.Chmod(one, 0o600) }), false, true, "USED REPLACED more"},
		{"a damaged binary", must(func() error { return os.WriteFile(one, []byte("#!/bin/sh\n"), 0o755) }), true, false, "USED REPLACED more"},
		{"no binary", must(func() error { return os.Remove(one) }), true, false, "USED REPLACED more"},
		{"a damaged stamp", func(t *testing.T) {
			stamps, err := filepath.Glob(filepath.Join(c.cache, "compile", "*.json"))
			if err != nil || len(stamps) != 2 {
				t.Fatalf("stamps are %v, %v", stamps, err)
			}
			for _, path := range stamps {
				if err := os.WriteFile(path, []byte(`{"inputs":`), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}, true, false, "USED REPLACED more"},
		{"nothing again", func(*testing.T) {}, false, true, "USED REPLACED more"},
		{"a linker flag", func(*testing.T) { targets[0].Ldflags = []string{"-s"} }, true, false, "USED REPLACED more"},
		{"a compiler flag", func(*testing.T) { targets[0].Flags = []string{"-gcflags=-N -l"} }, true, false, "USED REPLACED more"},
		{"the same flag", func(*testing.T) {}, false, true, "USED REPLACED more"},
		{"a flag that names files anywhere", func(*testing.T) { targets[0].Flags = []string{"-gcflags=-N -l", "-pgo=off"} }, true, true, "USED REPLACED more"},
		{"which may have changed", func(*testing.T) {}, true, true, "USED REPLACED more"},
		{"and is taken away", func(*testing.T) { targets[0].Flags = targets[0].Flags[:1] }, true, true, "USED REPLACED more"},
		{"an assertion", func(*testing.T) { targets[0].Assert = []string{"max-size=1GiB"} }, true, true, "USED REPLACED more"},
	} {
		// Each step builds on the previous one, so most failures end the test.
		step.change(t)
		before := runs()
		old, _ := os.Stat(one)
		results, err := c.Build(t.Context(), targets)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if ran := runs() > before; ran != step.runs {
			t.Fatalf("%s: go was run: %v, want %v", step.name, ran, step.runs)
		}
		if !step.runs && !(results[0].Cached && results[1].Cached) {
			t.Fatalf("%s: the results are not marked as cached: %+v", step.name, results)
		}
		info, err := os.Stat(one)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if same := old != nil && old.ModTime().Equal(info.ModTime()); same != step.same {
			t.Errorf("%s: the binary kept its time: %v, want %v", step.name, same, step.same)
		}
		if info.Mode().Perm() != 0o755 {
			t.Errorf("%s: mode is %v, want 0755", step.name, info.Mode())
		}
		if digest, _, err := hashFile(one); err != nil || digest != results[0].Digest {
			t.Fatalf("%s: the result's digest is not the file's", step.name)
		}
		if got := output(t, one); got != step.prints {
			t.Fatalf("%s: it prints %q, want %q", step.name, got, step.prints)
		}
	}
	ran := runs()
	t.Setenv("GOTOOLCHAIN", "local+path")
	other := New(Options{Cache: c.cache, Ignore: c.ignore})
	if _, err := other.Build(t.Context(), targets); err != nil {
		t.Fatal(err)
	}
	if runs() == ran {
		t.Error("go was not run, though the caller chose another toolchain")
	}
}

func TestNothingIsRememberedWithoutACache(t *testing.T) {
	runs := countingGo(t)
	dir := module(t, twoPrograms)
	c := New(Options{})
	for range 2 {
		if _, err := c.Build(t.Context(), []Target{target(t, dir, "one", host)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := runs(); got != 2 {
		t.Errorf("go ran %d times in two builds, want 2", got)
	}
}

func TestCoarseTimesOfNowAreInDoubt(t *testing.T) {
	dir := module(t, twoPrograms)
	file := filepath.Join(dir, "go.mod")
	for name, c := range map[string]struct {
		at   time.Time
		want bool
	}{
		"this very second, on a file system that counts seconds": {time.Now().Truncate(time.Second), true},
		"an hour ago, on such a file system":                     {time.Now().Add(-time.Hour).Truncate(time.Second), false},
		"just now, with nanoseconds":                             {time.Now().Truncate(time.Second).Add(700), false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.Chtimes(file, c.at, c.at); err != nil {
				t.Fatal(err)
			}
			got, err := readTree(dir, "off", nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.doubtful != c.want {
				t.Errorf("in doubt: %v, want %v", got.doubtful, c.want)
			}
		})
	}
}

func TestLeftoversOfKilledBuildsAreRemoved(t *testing.T) {
	dir := module(t, twoPrograms)
	x := target(t, dir, "one", host)
	left := filepath.Join(filepath.Dir(x.Output), temporary+"123", "one")
	if err := os.MkdirAll(filepath.Dir(left), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := newCompiler(t, dir).Build(t.Context(), []Target{x}); err != nil {
		t.Fatal(err)
	}
	if got := names(t, filepath.Join(dir, "dist")); len(got) != 1 {
		t.Errorf("dist holds %v, want only the binary", got)
	}
}

func TestASecondBuildWaitsAndFindsItDone(t *testing.T) {
	runs := countingGo(t)
	dir := module(t, twoPrograms)
	cache := t.TempDir()
	done := make(chan error)
	for range 2 {
		go func() {
			c := New(Options{Cache: cache, Ignore: []string{filepath.Join(dir, "dist")}})
			_, err := c.Build(t.Context(), []Target{target(t, dir, "one", host)})
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := runs(); got != 1 {
		t.Errorf("go ran %d times, want once", got)
	}
}

func TestAnInterruptLeavesNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell script in the place of go")
	}
	dir := module(t, twoPrograms)
	started := filepath.Join(t.TempDir(), "started")
	bin := t.TempDir()
	// The script writes a part of a binary and then hangs.
	script := fmt.Sprintf(`#!/bin/sh
while [ "$1" != -o ]; do shift; done
echo half >"$2/one"
echo >'%s'
exec sleep 60
`, started)
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			if _, err := os.Stat(started); err == nil {
				cancel()
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	_, err := newCompiler(t, dir).Build(ctx, []Target{target(t, dir, "one", host)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want context canceled", err)
	}
	if left := names(t, filepath.Join(dir, "dist")); len(left) > 0 {
		t.Errorf("%v remain", left)
	}
}
