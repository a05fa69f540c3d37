package progress

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inWorkspace changes to a folder below a checkout, and returns the environment of a job of GitHub.
func inWorkspace(t *testing.T) func(string) string {
	t.Helper()
	workspace, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(workspace, "deploy, 1")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"slipway.yaml", "Dockerfile"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return func(name string) string {
		return map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": workspace, "CI": "true"}[name]
	}
}

func TestAFailureAnnotatesThePlacesThatItNames(t *testing.T) {
	getenv := inWorkspace(t)
	for _, c := range []struct{ name, failure, want string }{
		{"one place", "slipway.yaml:4:3: missing key", "::error file=deploy%2C 1/slipway.yaml,line=4,col=3::slipway.yaml:4:3: missing key\n"},
		{"inside the line", "building image x: Dockerfile:12: unknown instruction",
			"::error file=deploy%2C 1/Dockerfile,line=12::building image x: Dockerfile:12: unknown instruction\n"},
		{"two places", "slipway.yaml:1:1: 100% wrong\n  more\nDockerfile:2: bad",
			"::error file=deploy%2C 1/slipway.yaml,line=1,col=1::slipway.yaml:1:1: 100%25 wrong%0A  more\n::error file=deploy%2C 1/Dockerfile,line=2::Dockerfile:2: bad\n"},
		{"an address is not a place", "GET 127.0.0.1:5000: refused", "::error::GET 127.0.0.1:5000: refused\n"},
		{"a file that is missing", "other.yaml:1:1: gone", "::error::other.yaml:1:1: gone\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			WriteFailure(Auto, &b, getenv, "slipway", errors.New(c.failure))
			if diff := cmp.Diff(c.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWarningsAnnotateOnGitHub(t *testing.T) {
	var b bytes.Buffer
	d := New(Auto, &b, Options{Title: "slipway build", Getenv: inWorkspace(t)})
	Warn(d.Context(t.Context()), "Dockerfile:3: the base has no digest")
	d.Close()
	if want := "::warning file=deploy%2C 1/Dockerfile,line=3::Dockerfile:3: the base has no digest\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
	if diff := cmp.Diff([]string{"Dockerfile:3: the base has no digest"}, d.Warnings()); diff != "" {
		t.Error(diff)
	}
}

// The runner must not execute text from child processes or registries.
func TestForeignLinesAreNotCommandsOfGitHub(t *testing.T) {
	var b bytes.Buffer
	d := New(GitHub, &b, Options{Verbose: true})
	task := Start(d.Context(t.Context()), "compile ::x")
	task.Line("::add-path::/tmp")
	task.Done(errors.New("::stop-commands::x"))
	_, _ = d.Write([]byte("::add-mask::x\n  ##[add-path]/tmp\n"))
	d.Close()
	for line := range bytes.Lines(b.Bytes()) {
		if text := bytes.TrimSpace(line); bytes.HasPrefix(text, []byte("::")) || bytes.HasPrefix(text, []byte("##[")) {
			t.Errorf("%q would be a command", line)
		}
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		variable string
		want     Mode
	}{{"", Plain}, {"CI", Plain}, {"GITHUB_ACTIONS", GitHub}, {"GITLAB_CI", GitLab}} {
		getenv := func(name string) string { return map[string]string{c.variable: "true"}[name] }
		if got := Resolve(Auto, &bytes.Buffer{}, getenv); got != c.want {
			t.Errorf("with %s: %s, want %s", c.variable, got, c.want)
		}
		if got := Resolve(None, &bytes.Buffer{}, getenv); got != None {
			t.Errorf("with %s: none became %s", c.variable, got)
		}
	}
}
