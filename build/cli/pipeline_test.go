package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// slipway ci --check says whether a pipeline is up to date, stale, or edited by a person, and slipway ci replaces only what
// it made.
func TestPipelinesAreChecked(t *testing.T) {
	dir, config := project(t)
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	imagetest.Program(t, "git")
	ci := func(wantStatus int, wantOut string, args ...string) {
		t.Helper()
		status, stdout, stderr := run(t, nil, append([]string{"ci", "--project", dir}, args...)...)
		if status != wantStatus || !strings.Contains(strings.ReplaceAll(stdout+stderr, `\`, "/"), wantOut) {
			t.Errorf("ci %s: exit status %d, want %d with %q:\n%s%s", strings.Join(args, " "), status, wantStatus, wantOut, stdout, stderr)
		}
	}
	change := func(file, from, to string) {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), from) {
			t.Fatalf("%s has no %q: %v", file, from, err)
		}
		testfile.Write(t, file, strings.ReplaceAll(string(text), from, to))
	}
	file := filepath.Join(dir, ".github", "workflows", "slipway.yml")
	ci(1, "no pipeline was found", "--check")
	ci(2, "run `go get -tool github.com/slipway-build/slipway/cmd/slipway@latest`", "github")
	ci(2, "want one service: github, gitlab, argo")
	ci(2, "want one service: github, gitlab, argo", "jenkins")
	ci(2, "--runner linux/amd64=b: linux/amd64 has another", "github", "--runner", "linux/amd64=a", "--runner", "linux/amd64=b")
	ci(0, "wrote ", "github", "--slipway", "go tool slipway", "--runner", "linux/amd64=a,b")
	ci(0, ".gitlab/slipway.yml", "gitlab", "--slipway", "slipway")
	ci(0, ".github/workflows/slipway.yml is up to date", "--check")
	ci(0, ".gitlab/slipway.yml is up to date", "--check")
	ci(2, "--check takes the options of the file", "--check", "--shards", "3")

	other := filepath.Join(dir, "other.yaml")
	testfile.Write(t, other, "project: other\nplatforms: [linux/amd64]\n")
	if status, _, stderr := run(t, nil, "ci", "github", "--config", other); status != 2 || !strings.Contains(stderr, "the jobs of a pipeline read slipway.yaml") {
		t.Errorf("another configuration: exit status %d, %s", status, stderr)
	}

	change(config, "platforms: [linux/amd64, windows/amd64]", "platforms: [linux/amd64, linux/arm64, windows/amd64]")
	ci(1, "slipway.yml is stale", "--check", file)
	ci(1, "+           - name: linux-arm64", "--check", file)
	ci(0, "wrote ", "github", "--slipway", "slipway")
	ci(0, "is up to date", "--check", file)
	ci(1, ".gitlab/slipway.yml is stale", "--check") // the other

	change(file, "timeout-minutes: 120", "timeout-minutes: 240")
	ci(1, "slipway.yml was edited since `slipway ci github --slipway slipway` made it", "--check", file)
	ci(1, "-     timeout-minutes: 240", "--check", file)
	ci(1, "slipway.yml was edited since slipway ci made it: replace it with --force", "github", "--slipway", "slipway")
	ci(0, "wrote ", "github", "--slipway", "slipway", "--force")
	ci(0, "is up to date", "--check", file)

	change(file, "ci github", "ci github --colour blue")
	ci(1, "is not a command of this version of Slipway", "--check", file)
	testfile.Write(t, file, "name: mine\n")
	ci(1, "slipway ci did not make this file", "--check", file)
	ci(1, "slipway ci did not make this file: replace it with --force", "github", "--slipway", "slipway")
}
