package compile

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

// withC is a program that calls C.
const withC = `
-- go.mod --
module example.com/c

go 1.21
-- cmd/one/main.go --
package main

// int twice(int n) { return 2 * n; }
import "C"

func main() { println(C.twice(21)) }
`

// need skips the test if a C compiler, or the headers of its C library, is missing. With
// SLIPWAY_REQUIRE_ENGINES=1, it fails the test.
func need(t *testing.T, cc string) {
	t.Helper()
	missing := cc + " is not installed"
	if _, err := exec.LookPath(cc); err == nil {
		cmd := exec.CommandContext(t.Context(), cc, "-x", "c", "-fsyntax-only", "-")
		cmd.Stdin = strings.NewReader("#include <stdlib.h>\n")
		if cmd.Run() == nil {
			return
		}
		missing = cc + " lacks the headers of its C library"
	}
	testfile.Missing(t, "%s", missing)
}

func TestCrossCompilersBuildReproducibly(t *testing.T) {
	for p, cc := range map[string]string{
		"linux/amd64":   "gcc",
		"linux/arm64":   "aarch64-linux-gnu-gcc",
		"windows/amd64": "x86_64-w64-mingw32-gcc",
	} {
		t.Run(p, func(t *testing.T) {
			need(t, cc)
			build := func() Result {
				dir := module(t, withC)
				x := target(t, dir, "one", p)
				x.Env = map[string]string{"CGO_ENABLED": "1", "CC": cc}
				x.Ldflags = []string{"-linkmode=external", "-extldflags=-static"}
				x.Assert = []string{"static"}
				results, err := newCompiler(t, dir).Build(t.Context(), []Target{x})
				if err != nil {
					t.Fatal(err)
				}
				return results[0]
			}
			first := build()
			t.Setenv("TMPDIR", t.TempDir())
			second := build()
			if first.Digest != second.Digest {
				a, _ := os.ReadFile(first.Path)
				b, _ := os.ReadFile(second.Path)
				at := 0
				for at < len(a) && at < len(b) && a[at] == b[at] {
					at++
				}
				t.Errorf("built twice: %d and %d bytes, which differ from byte %d on", len(a), len(b), at)
			}
			if p == host {
				if got := output(t, first.Path); got != "42" {
					t.Errorf("it prints %q", got)
				}
			}
		})
	}
}

func TestProgramsOfCAreNeverTakenForUpToDate(t *testing.T) {
	need(t, "gcc")
	dir := module(t, withC)
	x := target(t, dir, "one", "linux/amd64")
	x.Env = map[string]string{"CGO_ENABLED": "1", "CC": "gcc"}
	c := newCompiler(t, dir)
	var last os.FileInfo
	for range 2 {
		results, err := c.Build(t.Context(), []Target{x})
		if err != nil {
			t.Fatal(err)
		}
		if results[0].Cached {
			t.Error("go was not run, though a header may have changed")
		}
		info, err := os.Stat(x.Output)
		if err != nil {
			t.Fatal(err)
		}
		if last != nil && !last.ModTime().Equal(info.ModTime()) {
			t.Error("an identical binary was written again")
		}
		last = info
	}
}

func TestMissingCompilers(t *testing.T) {
	other := "windows/amd64"
	if runtime.GOOS == "windows" {
		other = "linux/arm64"
	}
	for name, c := range map[string]struct {
		platform string
		env      map[string]string
		want     string
	}{
		"a name that is not in PATH": {
			"windows/amd64",
			map[string]string{"CGO_ENABLED": "1", "CC": "x86_64-w64-no-such-gcc"},
			"one windows/amd64: the C compiler x86_64-w64-no-such-gcc (CC in env) is not in PATH",
		},
		"none for another system": {
			other,
			map[string]string{"CGO_ENABLED": "1"},
			"needs a cross compiler: set CC in env, such as CC: " + crossCompilers[other],
		},
		"a word for a switch": {
			"linux/amd64",
			map[string]string{"CGO_ENABLED": "yes"},
			`CGO_ENABLED is "yes": want 0 or 1`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := module(t, withC)
			x := target(t, dir, "one", c.platform)
			x.Env = c.env
			_, err := New(options(t, dir)).Build(t.Context(), []Target{x})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v\nwant %s", err, c.want)
			}
			if left := names(t, filepath.Join(dir, "dist")); len(left) > 0 {
				t.Errorf("%v remain", left)
			}
		})
	}
}
