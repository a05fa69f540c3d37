package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

func TestPlanDiffExitStatus(t *testing.T) {
	dir, config := project(t)
	earlier := filepath.Join(dir, "artifacts.json")
	testfile.Write(t, earlier, `{"project": "acme", "release": {"version": "v0.9.0", "tag": "v0.9.0", "epoch": "1970-01-01T00:00:00Z"}, "made": []}`)
	for _, c := range []struct {
		name   string
		args   []string
		status int
		want   []string
	}{
		{"changes", []string{"--diff", earlier}, 1, []string{"release version: v0.9.0 -> ", "image acme-runtime@linux/amd64: none -> ", "changes compared with " + earlier}},
		{"as JSON", []string{"--diff", earlier, "--json"}, 1, []string{`"kind": "image"`, `"old": ""`}},
		{"no such release", []string{"--diff", filepath.Join(dir, "nowhere")}, 1, []string{"--diff: reading " + filepath.Join(dir, "nowhere"), "want a dist"}},
		{"a part of a release", []string{"--diff", earlier, "--platform", "linux/amd64"}, 2, []string{"--diff compares whole releases"}},
		{"shards", []string{"--diff", earlier, "--shards", "2"}, 2, []string{"--diff and --shards"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := run(t, map[string]string{"SLIPWAY_CACHE": t.TempDir()}, append([]string{"plan", "--config", config}, c.args...)...)
			if status != c.status {
				t.Errorf("exit status %d, want %d\n%s", status, c.status, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(stdout+stderr, want) {
					t.Errorf("missing %q in\n%s%s", want, stdout, stderr)
				}
			}
		})
	}
}
