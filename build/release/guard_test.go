package release

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

func TestATagIsNotReplacedUnlessAsked(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r *testRelease)
		ok     bool
	}{
		{"not asked", func(*testRelease) {}, false},
		{"by an option", func(r *testRelease) { r.options.Force = true }, true},
		{"by the destination", func(r *testRelease) {
			r.configure("{registry: \""+r.registry+"\"}", "{registry: \""+r.registry+"\", force: true}")
		}, true},
		{"by another destination", func(r *testRelease) {
			r.configure("publish:\n", "publish:\n  - {registry: \""+r.other+"\", force: true}\n")
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := makeRelease(t)
			r.run("build")
			r.run("publish", "images", "index")
			before := r.pushed(r.registry, "team/acme-runtime")
			r.run("publish", "images", "index") // a second time
			testfile.Write(t, filepath.Join(r.dir, "charts", "chart.yaml"), "name: changed\n")
			c.change(r)
			r.run("build")
			err := r.try(r.open(), "publish", "images", "index")
			after := r.pushed(r.registry, "team/acme-runtime")
			if c.ok {
				if err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(r.recorded(), after); diff != "" {
					t.Errorf("(-dist +registry):\n%s", diff)
				}
				return
			}
			for _, want := range []string{"v1.2.3-acme1-linux-amd64 already exists with digest sha256:", "v1.2.3-acme1-windows-amd64 already exists with digest sha256:", "acme-runtime:v1.2.3-acme1 already exists with digest sha256:", "--force"} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in the error: %v", want, err)
				}
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("replaced nevertheless (-before +after):\n%s", diff)
			}
		})
	}
}

func TestOnlyACleanTaggedCommitIsPublished(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r *testRelease)
		want   string // empty means that it is published
	}{
		{"tagged and clean", func(r *testRelease) { r.git("tag", "v1.0.0") }, ""},
		{"untagged", func(*testRelease) {}, "no git tag on HEAD and no TAG names the version"},
		{"dirty", func(r *testRelease) {
			r.git("tag", "v1.0.0")
			testfile.Write(r.t, filepath.Join(r.dir, "LICENSE"), "mine\n")
		}, "tracked files differ from commit"},
		{"dirty with TAG", func(r *testRelease) {
			r.env["TAG"] = "v1.0.0"
			testfile.Write(r.t, filepath.Join(r.dir, "LICENSE"), "mine\n")
		}, "tracked files differ from commit"},
		{"untagged with TAG", func(r *testRelease) { r.env["TAG"] = "v1.0.0" }, ""},
		{"a snapshot by the environment", func(r *testRelease) {
			r.options.Snapshot = true
			testfile.Write(r.t, filepath.Join(r.dir, "LICENSE"), "mine\n")
		}, ""},
		{"a snapshot by every destination", func(r *testRelease) {
			r.configure("{registry: \""+r.registry+"\"}", "{registry: \""+r.registry+"\", snapshot: true}")
		}, ""},
		{"a snapshot by one destination", func(r *testRelease) {
			r.configure("{registry: \""+r.registry+"\"}\n", "{registry: \""+r.registry+"\", snapshot: true}\n  - {registry: \""+r.other+"\"}\n")
		}, "is not published to registry 127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := makeRelease(t)
			delete(r.env, "TAG")
			testfile.Write(t, filepath.Join(r.dir, ".gitignore"), "dist\n")
			r.git("init", "-q")
			r.git("add", ".")
			r.git("commit", "-q", "-m", "first")
			c.change(r)
			r.run("build")
			err := r.try(r.open(), "publish", "images", "index")
			switch found := r.pushed(r.registry, "team/acme-runtime"); {
			case c.want == "" && (err != nil || len(found) != 6):
				t.Errorf("%v; the registry has %v", err, found)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "--snapshot")):
				t.Errorf("got %v, want %q", err, c.want)
			case c.want != "" && len(found) > 0:
				t.Errorf("published nevertheless: %v", found)
			}
		})
	}
}

func (r *testRelease) git(args ...string) {
	r.t.Helper()
	cmd := exec.Command(imagetest.Program(r.t, "git"), append([]string{"-C", r.dir, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// Problems of all destinations are reported before anything is written to the first.
func TestDestinationsAreCheckedBeforeTheFirstWrite(t *testing.T) {
	var (
		mu     sync.Mutex
		writes []string
	)
	memory := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPut || req.Method == http.MethodPatch {
			mu.Lock()
			writes = append(writes, req.URL.Path)
			mu.Unlock()
		}
		if strings.HasPrefix(req.URL.Path, "/v2/readonly/") && req.Method != http.MethodGet && req.Method != http.MethodHead {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		memory.ServeHTTP(w, req)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	r := makeRelease(t)
	r.configure("  - {registry: \""+r.registry+"\"}\n", `  - {registry: "`+host+`"}
  - {registry: "`+host+`", repository: readonly}
  - {oci: "`+host+`/readonly/files"}
  - {github: acme/acme}
  - {directory: LICENSE/below}
`)
	r.run("package")
	err := r.try(r.open(), "publish")
	for _, want := range []string{"push repository readonly/acme-runtime", "push repository readonly/files", "GITHUB_TOKEN is not set", "LICENSE is not a folder"} {
		if err == nil || strings.Count(err.Error(), want) != 1 {
			t.Errorf("%q is not in the error, or more than once:\n%v", want, err)
		}
	}
	if len(writes)+len(r.files("released")) > 0 {
		t.Errorf("it wrote %v", writes)
	}
}
