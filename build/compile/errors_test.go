package compile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

func TestFaultsAreExplained(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	for _, c := range []struct {
		name   string
		files  string // added to twoPrograms
		change func(*Target)
		want   []string // parts of the message
	}{
		{
			name:   "a package that is not there",
			change: func(x *Target) { x.Package = "./cmd/three" },
			want:   []string{"one linux/amd64: package ./cmd/three not found in module folder DIR: check `package` and `module`", "directory not found"},
		},
		{
			name:   "a package that nothing pins",
			change: func(x *Target) { x.Package = "github.com/example/tool/cmd/tool" },
			want: []string{"one linux/amd64: package github.com/example/tool/cmd/tool is not pinned by DIR/go.mod: " +
				"run `go get github.com/example/tool/cmd/tool@VERSION` in DIR"},
		},
		{
			name:  "a module without its sum",
			files: "-- go.mod --\nmodule example.com/two\n\ngo 1.21\n\nrequire github.com/example/tool v1.0.0\n",
			change: func(x *Target) {
				x.Package = "github.com/example/tool"
			},
			want: []string{"DIR/go.sum does not pin the bytes of every module", "run `go mod tidy`"},
		},
		{
			name:  "a go.mod that is out of date",
			files: "-- replaced/go.mod --\nmodule example.com/r\n\ngo 1.22\n-- replaced/r.go --\npackage r\n-- go.mod --\nmodule example.com/two\n\ngo 1.21\n\nrequire example.com/r v1.0.0\n\nreplace example.com/r => ./replaced\n-- cmd/one/r.go --\npackage main\n\nimport _ \"example.com/r\"\n",
			want:  []string{"DIR/go.mod is out of date, and a build does not change it: run `go mod tidy` in DIR"},
		},
		{
			name:   "a library",
			change: func(x *Target) { x.Package = "./shared" },
			want:   []string{"./shared is a library: name a package whose files begin with `package main`"},
		},
		{
			name:  "a platform that the package has no file for",
			files: "-- cmd/one/main_windows.go --\npackage main\n\nfunc main() {}\n-- cmd/one/main.go --\n//go:build windows\n\npackage main\n",
			want:  []string{"a package has no files for linux/amd64: remove that platform from the binary's platforms"},
		},
		{
			name:  "a Go that is too old",
			files: "-- go.mod --\nmodule example.com/two\n\ngo 1.999.3\n",
			want:  []string{"the go command in PATH is too old: DIR/go.mod needs Go 1.999.3, and it is ", "set GOTOOLCHAIN=auto"},
		},
		{
			name:  "source that does not compile",
			files: "-- cmd/one/broken.go --\npackage main\n\nvar x int = \"word\"\n",
			want:  []string{"one linux/amd64: go build in DIR:\n", "cmd/one/broken.go:3:", "cannot use \"word\""},
		},
		{
			name:   "a folder without go.mod",
			change: func(x *Target) { x.Dir = filepath.Join(x.Dir, "cmd") },
			want:   []string{"module folder " + filepath.FromSlash("DIR/cmd") + ": missing go.mod (" + syscall.ENOENT.Error() + ")"},
		},
		{
			name:   "a platform that Go does not know",
			change: func(x *Target) { x.Platform = v1.Platform{OS: "linux", Architecture: "sparc"} },
			want:   []string{"Go has no port for sparc on linux"},
		},
		{
			name:   "a variant that Go does not know",
			change: func(x *Target) { x.Platform.Variant = "v9" },
			want:   []string{`one linux/amd64/v9: GOAMD64 is "v9"`},
		},
		{
			name:   "a variant where there are none",
			change: func(x *Target) { x.Platform = v1.Platform{OS: "linux", Architecture: "s390x", Variant: "z15"} },
			want:   []string{"Go has no variants of s390x"},
		},
		{
			name:   "variables that are said elsewhere",
			change: func(x *Target) { x.Env = map[string]string{"GOOS": "linux", "GOARCH": "amd64"} },
			want:   []string{"GOARCH cannot be set here: set platforms", "GOOS cannot be set here: set platforms"},
		},
		{
			name:   "a pattern for a package",
			change: func(x *Target) { x.Package = "./..." },
			want:   []string{`package "./...": want one main package`},
		},
		{
			name:   "an unknown assertion, and a size that is none",
			change: func(x *Target) { x.Assert = []string{"statc", "max-size=big"} },
			want:   []string{`assert "statc": want static, pie, fips or max-size=SIZE`, `assert "max-size=big": "big" is not a size`},
		},
		{
			name:  "an output that cannot be written",
			files: "-- dist/linux-amd64 --\na file in the way\n",
			want:  []string{"creating the folder of binaries", syscall.ENOTDIR.Error()},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := module(t, twoPrograms)
			write(t, dir, c.files)
			x := target(t, dir, "one", "linux/amd64")
			if c.change != nil {
				c.change(&x)
			}
			results, err := New(options(t, dir)).Build(t.Context(), []Target{x})
			if err == nil {
				t.Fatalf("got the results %+v", results)
			}
			if strings.Contains(err.Error(), "https://go.dev/dl/") {
				imagetest.Program(t, "go")
			}
			for _, want := range c.want {
				want = strings.ReplaceAll(want, "DIR", dir)
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is\n%v\nwant a text with\n%s", err, want)
				}
			}
			if _, err := os.Stat(x.Output); err == nil {
				t.Error("the output exists")
			}
		})
	}
}

func TestWithoutGo(t *testing.T) {
	dir := module(t, twoPrograms)
	t.Setenv("PATH", t.TempDir())
	_, err := New(options(t, dir)).Build(t.Context(), []Target{target(t, dir, "one", host)})
	if want := "the go command is not in PATH: install Go from https://go.dev/dl/"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want %s", err, want)
	}
	if _, err := New(options(t, dir)).Build(t.Context(), nil); err != nil {
		t.Errorf("building nothing without go: %v", err)
	}
}

func TestErrorsOfAllTargetsTogether(t *testing.T) {
	dir := module(t, twoPrograms)
	write(t, dir, `
-- cmd/bad/main.go --
package main

func main() { undefined() }
-- cmd/worse/main.go --
package main

func main() { println(0 / 0) }
`)
	var targets []Target
	for _, name := range []string{"one", "bad", "two", "worse"} {
		for _, p := range []string{"linux/amd64", "linux/arm64"} {
			targets = append(targets, target(t, dir, name, p))
		}
	}
	results, err := newCompiler(t, dir).Build(t.Context(), targets)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"bad linux/amd64, bad linux/arm64: go build in ", "undefined: undefined",
		"worse linux/amd64, worse linux/arm64: go build in ", "division by zero",
	} {
		if strings.Count(err.Error(), want) != 1 {
			t.Errorf("error is\n%v\nwant a text with, once\n%s", err, want)
		}
	}
	for i, r := range results {
		good := targets[i].Name == "one" || targets[i].Name == "two"
		if good != (r.Path == targets[i].Output) {
			t.Errorf("%s: result is %+v", targets[i], r)
		}
	}
}

// A module that cannot be fetched is missing for every target that imports it.
func TestEachFailureIsReportedOnce(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	dir := module(t, `
-- go.mod --
module example.com/missing

go 1.21

require (
	example.com/a v1.0.0
	example.com/b v1.0.0
)
-- go.sum --
example.com/a v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
example.com/a v1.0.0/go.mod h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
example.com/b v1.0.0 h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
example.com/b v1.0.0/go.mod h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
-- shared/shared.go --
package shared

import _ "example.com/a"
-- cmd/one/main.go --
package main

import _ "example.com/missing/shared"

func main() {}
-- cmd/one/main_windows.go --
package main

import _ "example.com/b"
-- cmd/two/main.go --
package main

import _ "example.com/missing/shared"

func main() {}
`)
	var targets []Target
	for _, platform := range []string{"linux/amd64", "linux/arm64", "windows/amd64"} {
		targets = append(targets, target(t, dir, "one", platform), target(t, dir, "two", platform))
	}
	var shown strings.Builder
	display := progress.New(progress.Plain, &shown, progress.Options{})
	_, err := newCompiler(t, dir).Build(display.Context(t.Context()), targets)
	display.Close()
	if err == nil {
		t.Fatal("no error")
	}
	want := `one linux/amd64, two linux/amd64, one linux/arm64, two linux/arm64, one windows/amd64, two windows/amd64: a module could not be fetched: check the network, or GOPROXY and GOPRIVATE
go build in DIR:
    shared/shared.go:3:8: module lookup disabled by GOPROXY=off
one windows/amd64: a module could not be fetched: check the network, or GOPROXY and GOPRIVATE
go build in DIR:
    cmd/one/main_windows.go:3:8: module lookup disabled by GOPROXY=off`
	if diff := cmp.Diff(strings.ReplaceAll(want, "DIR", dir), err.Error()); diff != "" {
		t.Errorf("the error differs (-want +got):\n%s", diff)
	}
	// One line for each go build; the errors are reported at the end.
	if lines := strings.Count(shown.String(), "\n"); lines != 3 || strings.Contains(shown.String(), "downloading") {
		t.Errorf("the display shows %d lines, want 3:\n%s", lines, shown.String())
	}
}

func TestFailuresOf(t *testing.T) {
	failed := &goError{&job{Target: Target{Dir: "m"}}, "x.go:1:8: no module provides p; to add it:\n\tgo get p\n" +
		"y.go:1:8: no module provides q\n# m/a\na/a.go:3:1: undefined: x\n\thave (int)\na/a.go:4:1: undefined: y\n# m/b\nb/b.go:1:1: bad"}
	want := []failureKey{
		{"m", "x.go:1:8: no module provides p; to add it:\n\tgo get p"},
		{"m", "y.go:1:8: no module provides q"},
		{"m", "# m/a\na/a.go:3:1: undefined: x\n\thave (int)\na/a.go:4:1: undefined: y"},
		{"m", "# m/b\nb/b.go:1:1: bad"},
	}
	if diff := cmp.Diff(want, failuresOf(failed), cmp.AllowUnexported(failureKey{})); diff != "" {
		t.Errorf("the parts differ (-want +got):\n%s", diff)
	}
}

func TestConfigurationFaultsAllAtOnce(t *testing.T) {
	dir := module(t, twoPrograms)
	a, b := target(t, dir, "one", host), target(t, dir, "two", host)
	b.Output = a.Output
	c := target(t, dir, "three", host)
	c.Assert = []string{"nonsense"}
	_, err := newCompiler(t, dir).Build(t.Context(), []Target{a, b, c})
	for _, want := range []string{
		"two " + host + ": duplicate output " + a.Output + ", also of one " + host,
		"three " + host + `: assert "nonsense"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is\n%v\nwant a text with\n%s", err, want)
		}
	}
	if left := names(t, filepath.Join(dir, "dist")); len(left) > 0 {
		t.Errorf("%v remain", left)
	}
}

func TestAFailureLeavesTheFormerBinary(t *testing.T) {
	dir := module(t, twoPrograms)
	c := newCompiler(t, dir)
	x := target(t, dir, "one", host)
	if _, err := c.Build(t.Context(), []Target{x}); err != nil {
		t.Fatal(err)
	}
	want := output(t, x.Output)

	t.Run("when the source does not compile", func(t *testing.T) {
		write(t, dir, "-- cmd/one/broken.go --\npackage main\n\nfunc broken() { none() }\n")
		if _, err := c.Build(t.Context(), []Target{x}); err == nil {
			t.Error("no error")
		}
	})
	t.Run("when an assertion does not hold", func(t *testing.T) {
		write(t, dir, "-- cmd/one/broken.go --\npackage main\n")
		x.Assert = []string{"max-size=1KiB"}
		if _, err := c.Build(t.Context(), []Target{x}); err == nil || !strings.Contains(err.Error(), "assert max-size=1KiB: its size of ") {
			t.Errorf("error is %v", err)
		}
	})
	if got := output(t, x.Output); got != want {
		t.Errorf("it prints %q, and printed %q", got, want)
	}
	if got := names(t, filepath.Join(dir, "dist")); len(got) != 1 {
		t.Errorf("dist holds %v, want only the earlier binary", got)
	}
}
