package doctor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/slipway-build/slipway/images/imagetest"
)

// publishing is a project that publishes a list to a destination.
func publishing(t *testing.T, destination string) *project {
	t.Helper()
	registry := imagetest.Registry(t)
	imagetest.Push(t, registry+"/tools/pause:3", imagetest.Image(t, "linux/amd64"))
	p := newProject(t, "airgap: {lists: {images: {file: images.txt, platforms: [linux/amd64]}}}\npublish:\n"+destination)
	p.write("images.txt", registry+"/tools/pause:3\n")
	return p
}

func TestABucket(t *testing.T) {
	backend := s3mem.New()
	s3, readOnly := gofakes3.New(backend).Server(), false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if readOnly && r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
			return
		}
		s3.ServeHTTP(w, r)
	}))
	defer server.Close()
	destination := "  - {s3: {bucket: builds, prefix: acme, endpoint: \"" + server.URL + "\", region: us-east-1}}\n"
	p := publishing(t, destination)
	p.env["AWS_ACCESS_KEY_ID"], p.env["AWS_SECRET_ACCESS_KEY"] = "key", "secret"
	p.wantsOnly(p.examine(), Error, "destinations", "slipway.yaml:5:5: S3 bucket builds/acme: bucket builds does not exist: create it first")

	if err := backend.CreateBucket("builds"); err != nil {
		t.Fatal(err)
	}
	p.wantsNone(p.examine(), "destinations")
	if uploads, err := backend.ListBucket("builds", &gofakes3.Prefix{}, gofakes3.ListBucketPage{}); err != nil || len(uploads.Contents) > 0 {
		t.Errorf("the bucket has %v (%v), want nothing", uploads, err)
	}

	readOnly = true
	p.wantsOnly(p.examine(), Error, "destinations", "slipway.yaml:5:5: S3 bucket builds/acme: checking write access: ", "s3:PutObject")
	readOnly = false

	put, err := http.NewRequest(http.MethodPut, server.URL+"/builds/acme/acme-images.linux-amd64.txt", strings.NewReader("other"))
	if err != nil {
		t.Fatal(err)
	}
	if response, err := http.DefaultClient.Do(put); err != nil || response.StatusCode != http.StatusOK {
		t.Fatal(response, err)
	}
	p.wantsOnly(p.examine(), Warning, "destinations", "slipway.yaml:5:5: S3 bucket builds/acme already has files of this version (1)", "refuses to replace others")
	env := p.env
	p = publishing(t, strings.Replace(destination, "bucket: builds", "bucket: builds, overwrite: true", 1))
	p.env = env
	p.wantsNone(p.examine(), "destinations")
}

func TestAProjectOfGitLab(t *testing.T) {
	files := "[]"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, path, _ := strings.Cut(r.URL.Path, "/projects/acme/acme/")
		switch {
		case r.Header.Get("PRIVATE-TOKEN") != "token":
			w.WriteHeader(http.StatusUnauthorized)
		case path == "packages":
			fmt.Fprint(w, `[{"id": 7, "name": "acme", "version": "v1.2.3"}]`)
		case path == "packages/7/package_files":
			fmt.Fprint(w, files)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	p := publishing(t, "  - gitlab: {project: acme/acme, notes: dist/notes.md}\n")
	p.write("dist/notes.md", "Notes")
	p.env["GITLAB_API_URL"] = server.URL + "/api/v4"
	p.wantsOnly(p.examine(), Error, "destinations", "slipway.yaml:5:5: GitLab release of acme/acme: ", "missing token: set GITLAB_TOKEN")
	p.env["GITLAB_TOKEN"] = "old"
	p.wantsOnly(p.examine(), Error, "destinations", "slipway.yaml:5:5: GitLab release of acme/acme: ", "the token is wrong or has expired")
	p.env["GITLAB_TOKEN"] = "token"
	p.wantsNone(p.examine(), "destinations")

	files = `[{"id": 1, "file_name": "acme-images.linux-amd64.txt", "file_sha256": "00"}]`
	p.wantsOnly(p.examine(), Warning, "destinations", "slipway.yaml:5:5: GitLab release of acme/acme already has files of this version (1)")
}
