package rebuild

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/publish/githubtest"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/internal/testfile"
)

// tagged returns options of a project that publishes to destinations, and the server that is its GitHub.
func tagged(t *testing.T, destinations string) (release.Options, *githubtest.Server) {
	t.Helper()
	dir, github := t.TempDir(), githubtest.New(t)
	testfile.Write(t, filepath.Join(dir, "slipway.yaml"), "project: acme\nplatforms: [linux/amd64]\npublish:\n"+destinations)
	getenv := func(string) (string, bool) { return "", false }
	return release.Options{Project: dir, GitHubToken: githubtest.Token, GitHubAPI: github.URL, Options: workbench.Options{Getenv: getenv}}, github
}

const (
	folders   = "  - directory: released/${VERSION}\n"
	onGitHub  = "  - github: acme/acme\n"
	reportOf1 = `{"project": "acme", "release": {"version": "v1.0.0"}, "made": [{"kind": "list", "path": "dist/artifacts/list.txt"}]}`
)

func TestOpenATag(t *testing.T) {
	for _, c := range []struct {
		name, destinations string
		// published has the files of v1.0.0 in the folder and on GitHub.
		folder, github map[string]string
		fails          []string
	}{
		{"in a folder", folders + onGitHub, map[string]string{"artifacts.json": reportOf1, "list.txt": "a"}, nil, nil},
		{"on GitHub", folders + onGitHub, nil, map[string]string{"artifacts.json": reportOf1, "list.txt": "a"}, nil},
		{"in both, one without a report", folders + onGitHub, map[string]string{"list.txt": "a"}, map[string]string{"artifacts.json": reportOf1, "list.txt": "a"}, nil},
		{"nowhere", folders + onGitHub, nil, nil, []string{
			"release v1.0.0: folder released/v1.0.0: it is not published there", "release v1.0.0: GitHub release of acme/acme: it is not published there"}},
		{"without a report", onGitHub, nil, map[string]string{"list.txt": "a"}, []string{"GitHub release of acme/acme: it has no artifacts.json, without which a release cannot be compared"}},
		{"of another version", folders, map[string]string{"artifacts.json": strings.Replace(reportOf1, "v1.0.0", "v1.0.1", 1)}, nil,
			[]string{"folder released/v1.0.0: it has version v1.0.1 now"}},
		{"damaged", folders, map[string]string{"artifacts.json": "{"}, nil, []string{"folder released/v1.0.0: reading ", "unexpected end"}},
		{"an OCI artifact", "  - oci: registry.example.com/acme/files\n", nil, nil,
			[]string{"OCI artifact registry.example.com/acme/files:v1.0.0: files of an OCI artifact cannot be read: pull them to a folder"}},
		{"no destination of files", "  - registry: registry.example.com\n", nil, nil, []string{"publishes the files of v1.0.0 to no destination now: add one with github"}},
		{"not now", "  - {directory: released, when: '${VERSION} == \"v2.0.0\"'}\n", nil, nil, []string{"publishes the files of v1.0.0 to no destination now"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, github := tagged(t, c.destinations)
			for name, content := range c.folder {
				testfile.Write(t, filepath.Join(o.Project, "released", "v1.0.0", name), content)
			}
			if c.github != nil {
				r := github.Add(githubtest.Release{Tag: "v1.0.0"})
				for name, content := range c.github {
					github.AddAsset(r, name, content)
				}
			}
			e, err := OpenEarlier(t.Context(), "v1.0.0", o)
			if len(c.fails) > 0 {
				for _, want := range c.fails {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("got %v, want %q", err, want)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			lines, err := e.Lines(t.Context(), e.Report().Made[0])
			if err != nil || strings.Join(lines, " ") != "a" {
				t.Errorf("lines %q, %v", lines, err)
			}
			if at, err := e.Locate(t.Context(), e.Report().Made[0]); err != nil || !strings.Contains(at, "list.txt") && !strings.Contains(at, "?sig=") {
				t.Errorf("it is at %q, %v", at, err)
			}
			if _, err := e.Locate(t.Context(), release.Made{Path: "dist/artifacts/other"}); c.folder == nil && err == nil {
				t.Error("GitHub has another file")
			}
		})
	}
}

func TestWhatIsNotATag(t *testing.T) {
	o, _ := tagged(t, folders)
	testfile.Write(t, filepath.Join(o.Project, "released", "v1.0.0", "artifacts.json"), reportOf1)
	for _, where := range []string{"nowhere", "dist/v1.0.0", "x-v1.0.0"} {
		if _, err := OpenEarlier(t.Context(), where, o); err == nil || !strings.Contains(err.Error(), "reading "+where) || !strings.Contains(err.Error(), "want a dist") {
			t.Errorf("%s: got %v", where, err)
		}
	}
	o.Offline = true
	if e, err := OpenEarlier(t.Context(), "v1.0.0", o); err != nil || e.Report().Release.Version != "v1.0.0" {
		t.Errorf("offline, a folder cannot be read: %v", err)
	}
	// A file of this name is meant.
	t.Chdir(t.TempDir())
	testfile.Write(t, "v1.0.0", `{"project": "other"}`)
	if e, err := OpenEarlier(t.Context(), "v1.0.0", o); err != nil || e.Report().Project != "other" {
		t.Errorf("a file with the name of a tag: %v", err)
	}
}

func TestOfflineATagIsNotSought(t *testing.T) {
	o, github := tagged(t, onGitHub)
	github.Fail = func(*http.Request) int { t.Error("a request was sent"); return 0 }
	o.Offline = true
	if _, err := OpenEarlier(t.Context(), "v1.0.0", o); err == nil || !strings.Contains(err.Error(), "GitHub release of acme/acme: offline: it cannot be read") {
		t.Errorf("got %v", err)
	}
}

// A release with any files can be compared with a build.
func TestAgainstATag(t *testing.T) {
	o, github := tagged(t, folders+onGitHub)
	q := Request{Options: o, Limit: 1000}
	github.AddAsset(github.Add(githubtest.Release{Tag: "v1.0.0"}), "list.txt", "a")
	s, done, err := files(t.Context(), "v1.0.0", q)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if _, _, err := s.File(t.Context(), release.Made{Kind: "list", Path: "dist/artifacts/list.txt"}); err != nil {
		t.Error(err)
	}
	if s, _, err := files(t.Context(), "acme/app:v1.0.0", q); s != nil || err != nil {
		t.Errorf("a reference of an image: %v, %v", s, err)
	}
	if _, _, err := files(t.Context(), "v2.0.0", q); err == nil || !strings.Contains(err.Error(), "--against: release v2.0.0: folder released/v2.0.0: it is not published there") {
		t.Errorf("got %v", err)
	}
}
