package release

import (
	"debug/buildinfo"
	"path/filepath"
	"strings"
	"testing"
)

// The options of go build affect the binary, and are inputs of a release, so that a release with other options differs.
func TestOptionsOfGoBuildAreInputs(t *testing.T) {
	r := makeRelease(t)
	r.configure("binaries:\n", "vars: {DEBUG: \"\"}\nbinaries:\n")
	r.configure("ldflags: [-s -w]", "ldflags: {value: -s -w, when: \"!DEBUG\"}, gcflags: {value: -N -l, when: DEBUG}, asmflags: -D=X, tags: \"a b\"")
	settings := func() string {
		info, err := buildinfo.ReadFile(filepath.Join(r.dir, "dist", "bin", "linux-amd64", "acme"))
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, s := range info.Settings {
			all = append(all, s.Key+"="+s.Value)
		}
		return strings.Join(all, "\n")
	}
	r.env["DEBUG"] = "1"
	r.run("build")
	for _, want := range []string{"-gcflags=-N -l", "-tags=a,b", "-asmflags=-D=X"} {
		if got := settings(); !strings.Contains(got, want) {
			t.Errorf("the settings of the build have no %s:\n%s", want, got)
		}
	}
	delete(r.env, "DEBUG")
	if err := r.open().Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "the variable DEBUG was 1 and is none") {
		t.Errorf("verify: %v, want an error about DEBUG", err)
	}
	r.run("build")
	if got := settings(); strings.Contains(got, "-gcflags") {
		t.Errorf("the binary is still the one for debuggers:\n%s", got)
	}
}
