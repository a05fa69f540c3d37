package release

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/publish"
	"github.com/slipway-build/slipway/build/publish/githubtest"
	"github.com/slipway-build/slipway/internal/testfile"
)

func TestADraftIsEnded(t *testing.T) {
	t.Parallel()
	r := makeRelease(t)
	g := githubtest.New(t)
	r.options.GitHubAPI, r.options.GitHubToken = g.URL, githubtest.Token
	r.configure("  - {directory: released}\n", `  - github:
      repository: acme/acme
      title: "Acme ${TAG}"
      notes: notes.md
      draft: true
      discussion: Announcements
    report: true
`)
	if err := r.open().EndDrafts(t.Context(), Rank{}); err == nil || !strings.Contains(err.Error(), "run build and package first") {
		t.Errorf("without dist, the error is %v", err)
	}
	r.run("package")
	if err := r.try(r.open(), "publish", "artifacts"); err == nil || !strings.Contains(err.Error(), "slipway.yaml:") || !strings.Contains(err.Error(), "reading the notes: open ") {
		t.Errorf("without notes, the error is %v", err)
	}
	testfile.Write(t, filepath.Join(r.dir, "notes.md"), "# ${NEW}\n")
	if err := r.open().EndDrafts(t.Context(), Rank{}); err == nil || !strings.Contains(err.Error(), "neither a draft nor a release exists") {
		t.Errorf("without a draft, the error is %v", err)
	}
	r.run("publish", "artifacts")
	draft := g.Releases[0]
	if !draft.Draft || draft.Name != "Acme v1.2.3-acme1" || draft.Body != "# ${NEW}\n" || draft.Prerelease {
		t.Errorf("found %+v", draft)
	}

	if got := draft.Get("artifacts.json").Body; !strings.Contains(got, "v1.2.3+acme1") {
		t.Errorf("artifacts.json is %q", got)
	}
	name := draft.Assets[0].Name
	draft.Assets[0].Name = "x"
	if err := r.open().EndDrafts(t.Context(), Rank{}); err == nil || !strings.Contains(err.Error(), name+": it is not there") || g.Count("PATCH") > 0 {
		t.Errorf("without an asset, the error is %v, after %v", err, g.Log)
	}
	draft.Assets[0].Name = name
	if err := r.open().EndDrafts(t.Context(), Rank{Prerelease: new(true), Latest: new(true)}); err == nil || g.Count("PATCH") > 0 {
		t.Errorf("a latest pre-release: the error is %v, after %v", err, g.Log)
	}
	for range 2 {
		b := r.open()
		if err := b.EndDrafts(t.Context(), Rank{Prerelease: new(true)}); err != nil {
			t.Fatal(err)
		}
		if draft.Draft || !draft.Prerelease || draft.Discussion != "Announcements" {
			t.Errorf("found %+v", draft)
		}
		if made := b.published.sorted(); len(made) != 1 || made[0].Ref != draft.HTMLURL {
			t.Errorf("it reports %v", made)
		}
	}
	if err := r.open().EndDrafts(t.Context(), Rank{Latest: new(true)}); err != nil || draft.Prerelease || draft.MakeLatest != "true" {
		t.Errorf("found %+v, %v", draft, err)
	}
}

func TestADraftNeedsADestination(t *testing.T) {
	t.Parallel()
	r := makeRelease(t)
	err := r.open().EndDrafts(t.Context(), Rank{})
	if err == nil || !strings.Contains(err.Error(), "slipway.yaml publishes to no GitHub release now") {
		t.Errorf("error is %v", err)
	}
}

func TestAGitLabReleaseIsOfTheTag(t *testing.T) {
	t.Parallel()
	r := makeRelease(t)
	r.configure("  - {directory: released}\n", "  - gitlab: {project: group/acme, title: \"Acme ${TAG}\", notes: notes.md}\n    force: true\n")
	testfile.Write(t, filepath.Join(r.dir, "notes.md"), "# ${NEW}\n")
	r.env["CI_JOB_TOKEN"], r.env["CI_API_V4_URL"] = "job", "https://gitlab.example.com/api/v4"
	p := &publication{Release: r.open()}
	gitlab, options, err := p.gitlab(p.artifactDestinations()[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := (publish.GitLab{Project: "group/acme", JobToken: "job", BaseURL: "https://gitlab.example.com/api/v4"}); gitlab.Project != want.Project ||
		gitlab.JobToken != want.JobToken || gitlab.BaseURL != want.BaseURL || gitlab.Token != "" {
		t.Errorf("found %+v, want %+v", gitlab, want)
	}
	want := publish.GitLabOptions{Tag: "v1.2.3+acme1", Name: "Acme v1.2.3-acme1", Notes: "# ${NEW}\n", Package: "acme", Version: "v1.2.3+acme1", Replace: true}
	if options != want {
		t.Errorf("found %+v, want %+v", options, want)
	}
	p.options.Offline = true
	if _, _, err := p.gitlab(p.artifactDestinations()[0]); err == nil || !strings.Contains(err.Error(), "offline: cannot create the release of group/acme") {
		t.Errorf("offline, the error is %v", err)
	}
}
