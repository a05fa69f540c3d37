package cli

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

var manySpaces = regexp.MustCompile(" +")

// Package doctor tests the checks; these are the outputs and exit statuses of the command.
func TestDoctor(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "slipway.yaml")
	const good = "project: acme\nplatforms: [linux/amd64]\n"
	for _, c := range []struct {
		name, config   string
		args           []string
		status         int
		stdout, stderr string
	}{
		{"nothing found", good, nil, 0, "\ntools ok\n", ""},
		{"an error", good + "before: [{run: [no-such-program]}]\n", nil, 1, "\ntools 1 error\n", config + ":3:10: before[0]: program no-such-program not found in PATH: install it"},
		{"as JSON", good + "before: [{run: [no-such-program]}]\n", []string{"--json"}, 1, `"severity": "error",`, "no-such-program"},
		{"an annotation", good + "before: [{run: [no-such-program]}]\n", []string{"--progress", "github"}, 1, "", "::error file=slipway.yaml,line=3,col=10::"},
		{"a warning", good + "images: [{name: x, variants: [{platforms: [linux/amd64]}]}]\npublish: []\n", nil, 0, "\nfetches 1 warning\n", filepath.Join(dir, "Dockerfile") + ":2: ADD https://example.com/x has no checksum"},
		{"a wrong slipway.yaml", good + "fetch: [{url: \"https://example.com/x\", path: x}]\n", nil, 2, "", config + ":3:9: fetch[0]: missing key \"sha256\""},
		{"an argument", good, []string{"x"}, 2, "", "unknown command"},
	} {
		t.Run(c.name, func(t *testing.T) {
			testfile.Write(t, config, c.config)
			testfile.Write(t, filepath.Join(dir, "Dockerfile"), "FROM scratch\nADD https://example.com/x /\n")
			env := map[string]string{"TAG": "v1.0.0", "SLIPWAY_CACHE": t.TempDir(), "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": dir}
			status, stdout, stderr := run(t, env, append([]string{"--offline", "doctor", "--config", config}, c.args...)...)
			if !slices.Contains(c.args, "--json") {
				stdout = manySpaces.ReplaceAllString(stdout, " ")
			}
			if status != c.status || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
				t.Errorf("status %d, stdout\n%s\nstderr\n%s", status, stdout, stderr)
			}
		})
	}
}
