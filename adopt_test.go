package slipway_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Another repository uses the targets as described in the README: with its magefile, and a
// slipway.yaml from init.
func TestAnotherRepositoryAdoptsTheTargets(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a magefile and the command")
	}
	t.Parallel()
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	magefile := regexp.MustCompile("(?s)```go\n(//go:build mage.*?)```").FindSubmatch(readme)
	if magefile == nil {
		t.Fatal("the README shows no magefile")
	}
	// The module cache must have the dependencies that this test does not import itself.
	if out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./build/targets", "./cmd/slipway", "github.com/magefile/mage").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// Use the versions of this module, which `go get` would resolve.
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod": strings.Replace(string(mod), "module "+module+"\n", "module example.com/distribution\n", 1) +
			"\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + root + "\n\ntool " + module + "/cmd/slipway\n",
		"go.sum":            string(sum),
		"magefile.go":       string(magefile[1]),
		"cmd/agent/main.go": "package main\n\nfunc main() {}\n",
		"Dockerfile":        "FROM scratch\nCOPY --from=bin agent /bin/\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		// No network: all modules are in the cache, since this test was compiled. With the flags of
		// the tests, their build cache is used.
		cmd.Env = append(os.Environ(), "MAGEFILE_CACHE="+filepath.Join(dir, "cache"), "GOFLAGS="+os.Getenv("GOFLAGS")+" -mod=mod", "GOPROXY=off", "GOWORK=off",
			"SLIPWAY_CACHE="+filepath.Join(dir, "content"), "TAG=v1.0.0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("tool", "slipway", "init")
	if out := run("tool", "mage", "-l"); !strings.Contains(out, "package:windows") {
		t.Errorf("mage -l shows\n%s", out)
	}
	if out := run("tool", "mage", "plan"); !strings.Contains(out, "dist/bin/linux-amd64/agent") || !strings.Contains(out, ":v1.0.0-linux-amd64") {
		t.Errorf("mage plan shows\n%s", out)
	}
}
