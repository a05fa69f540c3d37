package release

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/version"
)

func TestThePasswordIsForOneRegistry(t *testing.T) {
	for _, c := range []struct{ project, publish, want string }{
		{"docker.io", "", "docker.io"},
		{"docker.io", "quay.io", "quay.io"},
		{"docker.io", "docker.io ghcr.io", "docker.io"},
		{"docker.io", "quay.io ghcr.io", "docker.io"},
		{"docker.io", "quay.io quay.io", "quay.io"},
	} {
		project := &config.Config{Registry: c.project, Repository: "team"}
		for _, host := range strings.Fields(c.publish) {
			project.Publish = append(project.Publish, config.Destination{Registry: host})
		}
		planned, err := plan.New(project, plan.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		b := &Release{Config: project, Plan: planned}
		if got := b.ownRegistry(); got != c.want {
			t.Errorf("%s, published to %s: the password is for %s, want %s", c.project, c.publish, got, c.want)
		}
	}
}

func TestReleasesOfOneOfSeveralProjects(t *testing.T) {
	planned := &plan.Plan{Project: "x", Release: version.Release{Version: "v2.0.0", TagPrefix: "cmd/x/"}}
	p := &publication{Release: &Release{Plan: planned, options: Options{GitHubToken: "t"}}}
	_, got, err := p.GitHub(config.Destination{GitHub: config.GitHubRelease{Repository: "acme/acme"}})
	if err != nil || got.Tag != "cmd/x/v2.0.0" || got.Name != "x v2.0.0" {
		t.Errorf("the release of tag %s is called %s; %v", got.Tag, got.Name, err)
	}
}

func TestOfflineAsksNoGitHub(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusTeapot)
	}))
	defer server.Close()
	r := makeRelease(t)
	r.options.GitHubAPI, r.options.GitHubToken = server.URL, "t"
	r.configure("  - {directory: released}\n", "  - {github: acme/acme}\n")
	r.run("package")
	err := r.try(r.open(func(o *Options) { o.Offline = true }), "publish", "artifacts")
	if err == nil || !strings.Contains(err.Error(), "offline: cannot create the release of acme/acme") {
		t.Errorf("got %v, want an error about the network", err)
	}
	if asked.Load() > 0 {
		t.Error("requests were sent to GitHub")
	}
}
