package ci

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/images"
)

func platformOf(t *testing.T, text string) images.Platform {
	t.Helper()
	var p images.Platform
	if err := p.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return p
}

func result(t *testing.T) release.Report {
	t.Helper()
	return release.Report{
		Project: "acme", Release: version.Release{Version: "v1.3.0+acme1", Tag: "v1.3.0-acme1", Commit: "c0ffee"},
		Made: []release.Made{
			{Kind: "index", Name: "acme-runtime", Ref: "docker.io/acme/acme-runtime:v1.3.0-acme1", Digest: "sha256:11", Size: 3_000_000},
			{Kind: "index", Name: "acme-runtime", Ref: "docker.io/acme/acme-runtime:latest", Digest: "sha256:11", Size: 3_000_000},
			{Kind: "index", Name: "acme-runtime", Platform: platformOf(t, "windows/amd64"), Ref: "docker.io/acme/acme-runtime:v1.3.0-acme1-windows-amd64", Digest: "sha256:12", Size: 1},
			{Kind: "archive", Name: "core", Platform: platformOf(t, "linux/amd64"), Path: "dist/artifacts/acme-v1.3.0+acme1.tar.zst", Digest: "sha256:22", Size: 2_000_000},
			{Kind: "archive", Name: "core", Platform: platformOf(t, "linux/arm64"), Path: "dist/artifacts/acme.tar.zst", Digest: "sha256:23", Size: 1},
			{Kind: "bundle", Name: "acme|odd", Path: "dist/artifacts/acme.zip", Digest: "sha256:33", Size: 7},
		},
		Kept: []release.Kept{{Ref: "docker.io/acme/acme-runtime:v1", Version: "v1.4.0", Reason: "v1.4.0 is newer than v1.3.0+acme1"}},
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestASummaryComparesWithThePreviousRelease(t *testing.T) {
	dir := t.TempDir()
	files := Files{Outputs: filepath.Join(dir, "out", "outputs"), Summary: filepath.Join(dir, "summary.md"), Previous: filepath.Join(dir, "artifacts.json")}
	previous, err := json.Marshal(release.Report{
		Project: "acme", Release: version.Release{Version: "v1.2.0+acme1", Tag: "v1.2.0-acme1"},
		Made: []release.Made{
			{Kind: "index", Name: "acme-runtime", Ref: "docker.io/acme/acme-runtime:v1.2.0-acme1", Digest: "sha256:10", Size: 2_500_000},
			{Kind: "archive", Name: "core", Platform: platformOf(t, "linux/amd64"), Path: "dist/artifacts/acme-v1.2.0+acme1.tar.zst", Digest: "sha256:22", Size: 2_000_000},
			{Kind: "archive", Name: "core", Platform: platformOf(t, "windows/amd64"), Path: "dist/artifacts/gone.tar.zst", Digest: "sha256:24", Size: 5},
			{Kind: "binary", Name: "acme", Path: "dist/bin/acme", Digest: "sha256:25", Size: 5},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files.Previous, previous, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := files.Write(Job{Command: "slipway package", Result: result(t), Warnings: []string{"two\nlines"}}); err != nil {
		t.Fatal(err)
	}
	want := "## slipway package: acme v1.3.0+acme1\n\n> [!WARNING]\n> two\n> lines\n\n" +
		"unchanged: `docker.io/acme/acme-runtime:v1`: v1.4.0 is newer than v1.3.0+acme1\n\n" +
		"| kind | platform | name | size | digest | since v1.2.0+acme1 |\n|---|---|---|--:|---|---|\n" +
		"| index |  | `docker.io/acme/acme-runtime:v1.3.0-acme1` | 3.0 MB | `sha256:11` | +500.0 kB |\n" +
		"| index |  | `docker.io/acme/acme-runtime:latest` | 3.0 MB | `sha256:11` | +500.0 kB |\n" +
		"| index | windows/amd64 | `docker.io/acme/acme-runtime:v1.3.0-acme1-windows-amd64` | 1 B | `sha256:12` | new |\n" +
		"| archive | linux/amd64 | `dist/artifacts/acme-v1.3.0+acme1.tar.zst` | 2.0 MB | `sha256:22` | same |\n" +
		"| archive | linux/arm64 | `dist/artifacts/acme.tar.zst` | 1 B | `sha256:23` | new |\n" +
		"| bundle |  | `dist/artifacts/acme.zip` | 7 B | `sha256:33` | new |\n" +
		"| archive | windows/amd64 | `dist/artifacts/gone.tar.zst` | 5 B | `sha256:24` | removed |\n\n"
	if diff := cmp.Diff(want, read(t, files.Summary)); diff != "" {
		t.Error(diff)
	}
	want = "version=v1.3.0+acme1\ntag=v1.3.0-acme1\ncommit=c0ffee\ndigest_acme_runtime=sha256:11\n" +
		`digests={"docker.io/acme/acme-runtime:latest":"sha256:11","docker.io/acme/acme-runtime:v1.3.0-acme1":"sha256:11","docker.io/acme/acme-runtime:v1.3.0-acme1-windows-amd64":"sha256:12"}` + "\n"
	if diff := cmp.Diff(want, read(t, files.Outputs)); diff != "" {
		t.Error(diff)
	}
}

func TestAFailureHasFindingsAndNoOutputs(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("slipway.yaml", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	files := Files{Outputs: "outputs", Summary: "summary.md", CodeQuality: "quality.json", Workspace: dir}
	job := Job{Command: "slipway build", Warnings: []string{"slipway.yaml:2: odd", "no place"},
		Failure: errors.New("slipway.yaml:4:3: wrong\nslipway.yaml:9:1: ```wrong too")}
	if err := files.Write(job); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("outputs"); err == nil {
		t.Error("a command that failed has outputs")
	}
	if summary := read(t, "summary.md"); !strings.Contains(summary, "## slipway build failed") || !strings.Contains(summary, "\n````\nslipway.yaml:4:3: wrong\n") {
		t.Errorf("the summary is\n%s", summary)
	}
	var found []finding
	if err := json.Unmarshal([]byte(read(t, "quality.json")), &found); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, f.Severity+" "+f.Location.Path+" "+f.Description)
		if f.Fingerprint == "" || f.Location.Lines.Begin == 0 {
			t.Errorf("%+v lacks a fingerprint or a line", f)
		}
	}
	want := []string{"minor slipway.yaml slipway.yaml:2: odd", "major slipway.yaml slipway.yaml:4:3: wrong", "major slipway.yaml slipway.yaml:9:1: ```wrong too"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFilesComeFromTheService(t *testing.T) {
	github := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": "o", "GITHUB_STEP_SUMMARY": "s", "GITHUB_WORKSPACE": "w", "SLIPWAY_SUMMARY": "mine"}
	if diff := cmp.Diff(Files{Outputs: "o", Summary: "mine", Workspace: "w"}, FromEnvironment(func(name string) string { return github[name] })); diff != "" {
		t.Error(diff)
	}
	gitlab := map[string]string{"GITLAB_CI": "true", "CI_PROJECT_DIR": "w", "SLIPWAY_OUTPUTS": "env", "SLIPWAY_CODE_QUALITY": "q", "GITHUB_OUTPUT": "not here"}
	if diff := cmp.Diff(Files{Outputs: "env", CodeQuality: "q", Workspace: "w"}, FromEnvironment(func(name string) string { return gitlab[name] })); diff != "" {
		t.Error(diff)
	}
	if err := (Files{}).Write(Job{Command: "slipway build"}); err != nil {
		t.Errorf("outside of CI: %v", err)
	}
}
