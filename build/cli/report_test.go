package cli

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/internal/testfile"
)

func TestReport(t *testing.T) {
	dir, config := project(t)
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir()}
	if status, _, stderr := run(t, env, "package", "--config", config); status != 0 {
		t.Fatal(stderr)
	}
	t.Chdir(dir)
	raw, err := os.ReadFile(filepath.Join("dist", "artifacts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var made release.Report
	if err := json.Unmarshal(raw, &made); err != nil {
		t.Fatal(err)
	}
	ran := &record.Record{Format: 1, Command: "slipway package", Project: made.Project, Release: made.Release, Shard: "1/2", Seconds: 2,
		Tasks: []record.Task{{Name: "compress layers", End: 2}}}
	other := *ran
	other.Shard, other.Release.Version = "2/2", "v0.9.0"
	if err := errors.Join(ran.WriteFile("one.json"), other.WriteFile("two.json"), ran.WriteFile("records/one.json"), os.Mkdir("empty", 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		args   []string
		status int
		want   []string
	}{
		{"the dist of the project", []string{"report"}, 0, []string{"wrote slipway-report.html"}},
		{"a folder, to standard output", []string{"report", "dist", "-o", "-"}, 0, []string{"<!DOCTYPE html>", "acme-images.linux-amd64.tar.zst"}},
		{"as JSON", []string{"report", "--json"}, 0, []string{`"format": 1`, `"archives": [`}},
		{"with a report", []string{"report", "--with", "slipway-report.html", "-o", "-"}, 0, []string{"Nothing differs"}},
		{"with a dist", []string{"report", "--with", "dist", "-o", "-"}, 0, []string{"What an operator carries"}},
		{"with a dist, without deltas", []string{"report", "--with", "dist", "--deltas=false", "-o", "-"}, 0, []string{"Nothing differs"}},
		{"with records", []string{"report", "--record", "one.json", "--record", "two.json", "-o", "-"}, 0,
			[]string{"Where the time went", "compress layers", "slipway package --shard 2/2 made acme v0.9.0, and is left out"}},
		{"with a folder of records", []string{"report", "--record", "records", "-o", "-"}, 0, []string{"compress layers"}},
		{"with a folder without records", []string{"report", "--record", "empty"}, 2, []string{"--record: empty has no record: missing *.json"}},
		{"with no record", []string{"report", "--record", "dist/artifacts.json"}, 1, []string{"--record: "}},
		{"with no release", []string{"report", "--with", "nowhere"}, 1, []string{"--with: reading nowhere", "want a dist"}},
		{"of no release", []string{"report", "nowhere"}, 1, []string{"reading nowhere"}},
		{"a page and JSON", []string{"report", "--json", "-o", "x.html"}, 2, []string{"choose one of --json"}},
		{"offline", []string{"report", "--offline", "--with", "https://example.com/v1"}, 2, []string{"offline: https://example.com/v1"}},
		{"an empty earlier release", []string{"report", "--with", ""}, 2, []string{"--with has an empty value"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := run(t, env, c.args...)
			if status != c.status {
				t.Errorf("exit status %d, want %d\n%s", status, c.status, stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(stdout+stderr, want) {
					t.Errorf("missing %q in\n%.2000s%s", want, stdout, stderr)
				}
			}
		})
	}
	t.Chdir(t.TempDir())
	if status, _, stderr := run(t, env, "report"); status != 2 || !strings.Contains(stderr, "or name the release: slipway report DIR") {
		t.Errorf("without a project: exit status %d: %s", status, stderr)
	}
	if status, _, stderr := run(t, env, "report", "--config", config); status != 0 {
		t.Errorf("with --config: exit status %d: %s", status, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "dist", "slipway-report.html")); err == nil {
		t.Error("a report is in dist")
	}
}

// A published release is found by its tag.
func TestATagOfAPublishedRelease(t *testing.T) {
	dir, config := project(t)
	raw, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, config, string(raw)+"publish:\n  - directory: released/${VERSION}\n    report: true\n")
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir(), "TAG": "v0.9.0"}
	for _, args := range [][]string{{"package"}, {"publish", "--only", "artifacts"}} {
		if status, _, stderr := run(t, env, append(args, "--config", config)...); status != 0 {
			t.Fatal(stderr)
		}
	}
	env["TAG"] = "v1.0.0"
	if status, _, stderr := run(t, env, "package", "--config", config); status != 0 {
		t.Fatal(stderr)
	}
	t.Chdir(dir)
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"report", "--with", "v0.9.0", "--json"}, 0, `"with": "v0.9.0"`},
		{[]string{"report", "--with", "v0.9.0", "-o", "-"}, 0, "What an operator carries"},
		{[]string{"report", "v0.9.0", "--json"}, 0, `"version": "v0.9.0"`},
		{[]string{"report", "--with", "v0.8.0"}, 1, "--with: release v0.8.0: folder released/v0.8.0: it is not published there"},
		{[]string{"report", "v0.8.0"}, 1, "release v0.8.0: folder released/v0.8.0: it is not published there"},
		{[]string{"plan", "--diff", "v0.9.0"}, 1, "release version: v0.9.0 -> v1.0.0"},
		{[]string{"plan", "--diff", "v0.8.0"}, 1, "--diff: release v0.8.0: folder released/v0.8.0: it is not published there"},
		{[]string{"verify", "--against", "v0.9.0"}, 1, "sha256sum-amd64.txt"},
		{[]string{"verify", "--against", "v0.8.0"}, 1, "--against: release v0.8.0: folder released/v0.8.0: it is not published there"},
	} {
		status, stdout, stderr := run(t, env, c.args...)
		if status != c.status || !strings.Contains(stdout+stderr, c.want) {
			t.Errorf("%q: exit status %d, missing %q in\n%.2000s%s", c.args, status, c.want, stdout, stderr)
		}
	}
}
