package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

// Package release tests merge; these are its arguments.
func TestMergeArguments(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "slipway.yaml")
	testfile.Write(t, config, "project: acme\nplatforms: [linux/amd64]\nbinaries:\n  - {name: acme, package: .}\n")
	testfile.Write(t, filepath.Join(dir, "go.mod"), "module example.com/acme\n\ngo 1.26\n")
	testfile.Write(t, filepath.Join(dir, "main.go"), "package main\n\nfunc main() {}\n")
	for _, c := range []struct {
		args   []string
		status int
		stderr string
	}{
		{nil, 2, "requires at least 1 arg"},
		{[]string{"--platform", "linux/amd64", dir}, 2, "includes everything that the jobs have made"},
		{[]string{dir, filepath.Join(dir, "linux")}, 1, dir + " is not the folder dist of a job: missing " + filepath.Join(dir, "artifacts.json")},
	} {
		status, stdout, stderr := run(t, map[string]string{"TAG": "v1.0.0"}, append([]string{"merge", "--config", config}, c.args...)...)
		if status != c.status || stdout != "" || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: status %d, stdout %q, stderr %s", c.args, status, stdout, stderr)
		}
	}
}
