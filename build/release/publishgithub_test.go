package release

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

// A gitHub is a server with one release, as far as a release needs it. The stand-in of build/publish does more.
type gitHub struct {
	mu      sync.Mutex
	release map[string]any // what requests have set
	assets  []map[string]any
	edits   int
}

func startGitHub(t *testing.T, r *testRelease) *gitHub {
	t.Helper()
	g := &gitHub{}
	mux := http.NewServeMux()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		mux.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	answer := func(w http.ResponseWriter, v any) {
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	change := func(w http.ResponseWriter, req *http.Request) {
		if err := json.NewDecoder(req.Body).Decode(&g.release); err != nil {
			t.Error(err)
		}
		g.release["id"], g.release["upload_url"] = 1, server.URL+"/upload{?name}"
		g.release["html_url"] = "https://github.example.com/acme/acme/releases/1"
		answer(w, g.release)
	}
	mux.HandleFunc("GET /repos/acme/acme/releases", func(w http.ResponseWriter, _ *http.Request) {
		if g.release == nil {
			answer(w, []any{})
			return
		}
		answer(w, []any{g.release})
	})
	mux.HandleFunc("POST /repos/acme/acme/releases", change)
	mux.HandleFunc("PATCH /repos/acme/acme/releases/1", func(w http.ResponseWriter, req *http.Request) { g.edits++; change(w, req) })
	mux.HandleFunc("GET /repos/acme/acme/releases/1/assets", func(w http.ResponseWriter, _ *http.Request) { answer(w, g.assets) })
	mux.HandleFunc("POST /upload", func(w http.ResponseWriter, req *http.Request) {
		sum := sha256.New()
		n, err := io.Copy(sum, req.Body)
		if err != nil {
			t.Error(err)
		}
		g.assets = append(g.assets, map[string]any{"id": len(g.assets) + 2, "name": req.URL.Query().Get("name"), "state": "uploaded", "size": n,
			"digest": fmt.Sprintf("sha256:%x", sum.Sum(nil))})
		answer(w, g.assets[len(g.assets)-1])
	})
	r.options.GitHubAPI, r.options.GitHubToken = server.URL, "ghp_0123456789"
	return g
}

func TestADraftIsEnded(t *testing.T) {
	t.Parallel()
	r := makeRelease(t)
	g := startGitHub(t, r)
	r.configure("  - {directory: released}\n", `  - github:
      repository: acme/acme
      title: "Acme ${TAG}"
      notes: notes.md
      draft: true
      discussion: Announcements
`)
	if err := r.open().EndDrafts(t.Context(), Rank{}); err == nil || !strings.Contains(err.Error(), "run build and package first") {
		t.Errorf("without dist, the error is %v", err)
	}
	r.run("package")
	if err := r.try(r.open(), "publish", "artifacts"); err == nil || !strings.Contains(err.Error(), "slipway.yaml:") || !strings.Contains(err.Error(), "reading the notes: open ") {
		t.Errorf("without notes, the error is %v", err)
	}
	testfile.Write(t, filepath.Join(r.dir, "notes.md"), "# ${NEW}\n")
	if err := r.open().EndDrafts(t.Context(), Rank{}); err == nil || !strings.Contains(err.Error(), "neither a draft nor a release is there") {
		t.Errorf("without a draft, the error is %v", err)
	}
	r.run("publish", "artifacts")
	if g.release["draft"] != true || g.release["name"] != "Acme v1.2.3-acme1" || g.release["body"] != "# ${NEW}\n" || g.release["prerelease"] != false {
		t.Errorf("found %v", g.release)
	}

	name := g.assets[0]["name"]
	g.assets[0]["name"] = "x"
	if err := r.open().EndDrafts(t.Context(), Rank{}); err == nil || !strings.Contains(err.Error(), fmt.Sprint(name, ": it is not there")) || g.edits > 0 {
		t.Errorf("without an asset, the error is %v, after %d edits", err, g.edits)
	}
	g.assets[0]["name"] = name
	if err := r.open().EndDrafts(t.Context(), Rank{Prerelease: new(true), Latest: new(true)}); err == nil || g.edits > 0 {
		t.Errorf("a latest pre-release: the error is %v, after %d edits", err, g.edits)
	}
	for range 2 {
		b := r.open()
		if err := b.EndDrafts(t.Context(), Rank{Prerelease: new(true)}); err != nil {
			t.Fatal(err)
		}
		if g.release["draft"] != false || g.release["prerelease"] != true || g.release["discussion_category_name"] != "Announcements" {
			t.Errorf("found %v", g.release)
		}
		if made := b.published.sorted(); len(made) != 1 || made[0].Ref != g.release["html_url"] {
			t.Errorf("it reports %v", made)
		}
	}
	if err := r.open().EndDrafts(t.Context(), Rank{Latest: new(true)}); err != nil || g.release["prerelease"] != false || g.release["make_latest"] != "true" {
		t.Errorf("found %v, %v", g.release, err)
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
