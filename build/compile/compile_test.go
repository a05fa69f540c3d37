package compile

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/tools/txtar"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
)

// twoPrograms is a module of two programs that share a package. They use only the runtime, so that
// they compile quickly for any platform.
const twoPrograms = `
-- go.mod --
module example.com/two

go 1.21
-- shared/shared.go --
package shared

var Greeting = "hello"
-- cmd/one/main.go --
package main

import "example.com/two/shared"

var version = "none"

func main() { println(shared.Greeting, "one", version) }
-- cmd/two/main.go --
package main

import "example.com/two/shared"

func main() { println(shared.Greeting, "two") }
`

// module writes the files of a txtar archive to a new folder, and returns the folder.
func module(t *testing.T, archive string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, archive)
	return dir
}

func write(t *testing.T, dir, archive string) {
	t.Helper()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func platform(t *testing.T, s string) v1.Platform {
	t.Helper()
	p, err := images.ParsePlatform(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var host = runtime.GOOS + "/" + runtime.GOARCH

// target returns the target for ./cmd/<name> in the module dir, with an output in dist.
func target(t *testing.T, dir, name, p string) Target {
	t.Helper()
	output := filepath.Join(dir, "dist", strings.ReplaceAll(p, "/", "-"), name)
	if strings.HasPrefix(p, "windows/") {
		output += ".exe"
	}
	return Target{Name: name, Package: "./cmd/" + name, Dir: dir, Platform: platform(t, p), Output: output}
}

func newCompiler(t *testing.T, dir string) *Compiler {
	t.Helper()
	imagetest.Program(t, "go")
	return New(options(t, dir))
}

func options(t *testing.T, dir string) Options {
	t.Helper()
	return Options{Cache: t.TempDir(), Ignore: []string{filepath.Join(dir, "dist")}}
}

func output(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), path).CombinedOutput()
	if err != nil {
		t.Fatalf("running %s: %v\n%s", path, err, out)
	}
	return strings.TrimSpace(string(out))
}

// names lists all files below dir.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

func TestBuildMakesEveryTarget(t *testing.T) {
	dir := module(t, twoPrograms)
	platforms := []string{"linux/amd64", "linux/arm64", "linux/arm/v6", "windows/amd64", "darwin/arm64"}
	var targets []Target
	var want []string
	for _, p := range platforms {
		for _, name := range []string{"one", "two"} {
			x := target(t, dir, name, p)
			x.Ldflags = []string{"-s", "-w", "-X main.version=v1.2.3"}
			targets = append(targets, x)
			rel, _ := filepath.Rel(filepath.Join(dir, "dist"), x.Output)
			want = append(want, filepath.ToSlash(rel))
		}
	}
	results, err := newCompiler(t, dir).Build(t.Context(), targets)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Path != targets[i].Output || r.Cached {
			t.Errorf("result %d is %+v, want %s, made", i, r, targets[i].Output)
		}
		digest, size, err := hashFile(r.Path)
		if err != nil || digest != r.Digest || size != r.Size {
			t.Errorf("%s has %s, %d bytes (%v); the result says %s, %d", targets[i], digest, size, err, r.Digest, r.Size)
		}
		if info, err := os.Stat(r.Path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v %v, want mode 0755", r.Path, info.Mode(), err)
		}
		if (host == images.FormatPlatform(targets[i].Platform)) && targets[i].Name == "one" {
			if got := output(t, r.Path); got != "hello one v1.2.3" {
				t.Errorf("%s prints %q", r.Path, got)
			}
		}
	}
	got := map[string]bool{}
	for _, name := range names(t, filepath.Join(dir, "dist")) {
		got[name] = true
	}
	for _, name := range want {
		if !got[name] {
			t.Errorf("%s was not made", name)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("dist has other files than the requested ones: %v", got)
	}
}

func TestBatchesAreFewAndLanesShareACache(t *testing.T) {
	newJob := func(name, pkg, p, dir string, ldflags ...string) *job {
		j := &job{Target: Target{Name: name, Package: pkg, Dir: dir, Platform: platform(t, p), Ldflags: ldflags,
			Output: filepath.Join("dist", strings.ReplaceAll(p, "/", "-"), name)}}
		var err error
		if j.env, err = targetEnvironment(j.Target); err != nil {
			t.Fatal(err)
		}
		return j
	}
	race := newJob("race", "example.com/cni/race", "linux/amd64", "runtime")
	race.Flags = []string{"-race"}
	all := batches([]*job{
		race,
		newJob("slipway", "./cmd/slipway", "linux/amd64", ".", "-X main.v=1"),
		newJob("bridge", "example.com/cni/bridge", "linux/amd64", "runtime"),
		newJob("slipway", "./cmd/slipway", "windows/amd64", ".", "-X main.v=1"),
		newJob("loopback", "example.com/cni/loopback", "linux/amd64", "runtime"),
		newJob("other-bridge", "example.com/other/bridge", "linux/amd64", "runtime"),
		newJob("here", ".", "linux/amd64", "runtime"),
		newJob("major", "example.com/tool/v2", "linux/amd64", "runtime"),
	})
	var titles [][]string
	for _, lane := range lanes(all) {
		var l []string
		for _, b := range lane {
			l = append(l, b.title())
		}
		titles = append(titles, l)
	}
	want := [][]string{
		{
			"compile race linux/amd64",
			"compile slipway linux/amd64",
			"compile bridge, loopback linux/amd64",
			"compile other-bridge linux/amd64",
			"compile here linux/amd64",
			"compile major linux/amd64",
		},
		{"compile slipway windows/amd64"},
	}
	if diff := cmp.Diff(want, titles); diff != "" {
		t.Errorf("lanes (-want +got):\n%s", diff)
	}
}
