// Package rke2 tests the slipway.yaml of this folder: it releases the small repository in the folder tree, whose files
// and stages have the names of RKE2's, from a clean checkout to published images and files.
package rke2

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/slipway-build/slipway/build/publish/githubtest"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

const version = "v1.36.4+rke2r1"

// A workshop has what the jobs of a release share: the program, the registries and the repository.
type workshop struct {
	t       *testing.T
	program string
	source  string // the folder of the repository
	env     []string
}

func newWorkshop(t *testing.T) *workshop {
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("makes a whole release, on Linux")
	}
	for _, compiler := range []string{"gcc", "aarch64-linux-gnu-gcc", "x86_64-w64-mingw32-gcc"} {
		imagetest.Program(t, compiler)
	}
	w := &workshop{t: t, program: filepath.Join(t.TempDir(), "slipway"), source: filepath.Join(t.TempDir(), "rke2")}
	w.run(".", "go", "build", "-o", w.program, "../../cmd/slipway")
	if err := os.CopyFS(w.source, os.DirFS("tree")); err != nil {
		t.Fatal(err)
	}
	hub := imagetest.Registry(t)
	certs := t.TempDir()
	testfile.Write(t, filepath.Join(certs, "docker.io", "hosts.toml"), "[host.\"http://"+hub+"\"]\n  capabilities = [\"pull\", \"resolve\"]\n")
	testfile.Write(t, filepath.Join(w.source, "slipway.yaml"), standIns(t))
	testfile.Write(t, filepath.Join(w.source, "artifacts.txt"), read(t, "artifacts.txt"))
	repo := testfile.NewRepo(t, w.source)
	repo.Commit("A release", "2026-08-21T12:00:00Z")
	repo.Run("tag", version)
	w.env = append(os.Environ(), "SLIPWAY_CERTS_DIR="+certs, "SLIPWAY_CACHE="+filepath.Join(t.TempDir(), "cache"), "PROGRESS=none", "GOFLAGS=", "TAG=", "REGISTRY=", "REPO=", "PLATFORMS=")
	w.fillHub(hub)
	return w
}

// fillHub pushes a small image for each reference of the Dockerfiles and lists.
func (w *workshop) fillHub(hub string) {
	w.t.Helper()
	var references []string
	for _, file := range []string{"Dockerfile", "Dockerfile.windows"} {
		for line := range strings.Lines(read(w.t, filepath.Join("tree", file))) {
			if words := strings.Fields(line); len(words) > 1 && words[0] == "FROM" {
				for _, word := range words[1:] {
					if strings.Contains(word, ":") {
						references = append(references, word)
						break
					}
				}
			}
		}
	}
	var plan struct {
		Archives []struct {
			Images []struct {
				Names []string
				Build string
			}
		}
	}
	if err := json.Unmarshal([]byte(w.slipway(w.source, "plan", "--json")), &plan); err != nil {
		w.t.Fatal(err)
	}
	for _, archive := range plan.Archives {
		for _, image := range archive.Images {
			references = append(references, image.Names...)
		}
	}
	slices.Sort(references)
	for _, reference := range slices.Compact(references) {
		if strings.Contains(reference, "rke2-runtime") {
			continue
		}
		files := imagetest.Files{"etc/name": reference}
		for _, program := range []string{"runc", "crictl", "containerd", "ctr", "kubectl", "kubelet", "containerd.exe", "ctr.exe"} {
			files["usr/local/bin/"+program] = program + " of " + reference
		}
		index := imagetest.Index(w.t, imagetest.Image(w.t, "linux/amd64", imagetest.Layer(w.t, files)), imagetest.Image(w.t, "linux/arm64", imagetest.Layer(w.t, files)))
		if strings.Contains(reference, "mirrored-pause") {
			layer := imagetest.WindowsLayer(w.t, imagetest.Files{"pause.exe": "pause"})
			index = imagetest.Index(w.t, imagetest.Image(w.t, "linux/amd64", imagetest.Layer(w.t, files)), imagetest.Image(w.t, "linux/arm64", imagetest.Layer(w.t, files)),
				imagetest.Image(w.t, "windows/amd64:10.0.17763.7919", layer), imagetest.Image(w.t, "windows/amd64:10.0.20348.4294", layer), imagetest.Image(w.t, "windows/amd64:10.0.26100.4294", layer))
		}
		imagetest.Push(w.t, hub+"/"+reference, index)
	}
}

// clone returns a fresh checkout, like that of a job.
func (w *workshop) clone() string {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "rke2")
	w.run(".", "git", "clone", "-q", w.source, dir)
	return dir
}

// slipway runs the program in dir and returns its standard output.
func (w *workshop) slipway(dir string, args ...string) string {
	w.t.Helper()
	return w.start(dir, w.env, w.program, args...)
}

// run runs a program in dir and returns its standard output.
func (w *workshop) run(dir, program string, args ...string) string {
	w.t.Helper()
	return w.start(dir, os.Environ(), program, args...)
}

func (w *workshop) start(dir string, env []string, program string, args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, env
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, said.String())
	}
	return string(out)
}

func TestReleaseOfTwoJobs(t *testing.T) {
	w := newWorkshop(t)
	staging, prime, github := imagetest.Registry(t), privateRegistry(t, "prime", "secret"), githubtest.New(t)
	builds := s3mem.New()
	if err := builds.CreateBucket("rke2-ci-builds"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(builds).Server())
	t.Cleanup(server.Close)
	amd64, arm64, release := w.clone(), w.clone(), w.clone()
	commit := strings.TrimSpace(w.run(release, "git", "rev-parse", "HEAD"))
	github.Commits, github.Tags[version] = []string{commit}, commit
	w.env = append(w.env, "GITHUB_TOKEN="+githubtest.Token, "GITHUB_API_URL="+github.URL,
		"AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret", "AWS_REGION=us-east-1", "AWS_ENDPOINT_URL="+server.URL,
		"PRIME_STAGING_REGISTRY="+staging, "PRIME_STAGING_REGISTRY_USERNAME=anyone", "PRIME_STAGING_REGISTRY_PASSWORD=any",
		"PRIME_REGISTRY="+prime, "PRIME_REGISTRY_USERNAME=prime", "PRIME_REGISTRY_PASSWORD=secret")
	for dir, platforms := range map[string]string{amd64: "linux/amd64,windows/amd64", arm64: "linux/arm64"} {
		w.slipway(dir, "check", "--online")
		w.slipway(dir, "package", "--platform", platforms)
	}
	w.slipway(release, "merge", filepath.Join(amd64, "dist"), filepath.Join(arm64, "dist"))
	w.slipway(release, "verify")

	said := w.run(release, filepath.Join(release, "dist", "bin", "linux-amd64", "rke2"))
	for _, want := range []string{"rke2 " + version + " " + commit, "rancher/rke2-runtime:v1.36.4-rke2r1 rancher/hardened-kubernetes:", "docker.io " + prime, "no_embedded_executor selinux"} {
		if !strings.Contains(said, want) {
			t.Errorf("rke2 prints %q, want %q", said, want)
		}
	}
	windows := w.slipway(release, "airgap", "ls", "--json", filepath.Join("dist", "artifacts", "rke2-windows-2025-amd64-images.tar.zst"))
	if n := strings.Count(windows, `"windows/amd64:10.0.26100.4294"`); n != 2 {
		t.Errorf("the archive for Windows 2025 has %d images for it, want 2:\n%s", n, windows)
	}
	var names []string
	entries, err := os.ReadDir(filepath.Join(release, "dist", "artifacts"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff(artifacts(t), names); diff != "" {
		t.Errorf("artifacts (-want +got):\n%s", diff)
	}

	w.slipway(release, "publish")
	var digests []string
	for _, registry := range []string{staging, prime} {
		ref, err := name.ParseReference(registry + "/rancher/rke2-runtime:" + strings.ReplaceAll(version, "+", "-"))
		if err != nil {
			t.Fatal(err)
		}
		index, err := remote.Index(ref, remote.WithContext(t.Context()), remote.WithAuth(&authn.Basic{Username: "prime", Password: "secret"}))
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		var platforms []string
		for _, d := range manifest.Manifests {
			platforms = append(platforms, d.Platform.String())
		}
		want := []string{"linux/amd64", "linux/arm64", "windows/amd64:10.0.26100.4294", "windows/amd64:10.0.20348.4294", "windows/amd64:10.0.17763.7919"}
		if diff := cmp.Diff(want, platforms); diff != "" {
			t.Errorf("platforms in %s (-want +got):\n%s", registry, diff)
		}
		digest, err := index.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest.String())
	}
	if digests[0] != digests[1] {
		t.Errorf("the registries have different indexes: %v", digests)
	}

	listed, err := builds.ListBucket("rke2-ci-builds", &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	var objects []string
	for _, o := range listed.Contents {
		objects = append(objects, strings.ReplaceAll(o.Key, commit, "COMMIT"))
	}
	want := []string{
		"rke2-images.linux-amd64-COMMIT.tar.zst", "rke2-images.linux-amd64-COMMIT.tar.zst.sha256sum",
		"rke2-images.linux-arm64-COMMIT.tar.zst", "rke2-images.linux-arm64-COMMIT.tar.zst.sha256sum",
		"rke2.linux-amd64-COMMIT.tar.gz", "rke2.linux-amd64-COMMIT.tar.gz.sha256sum",
		"rke2.linux-arm64-COMMIT.tar.gz", "rke2.linux-arm64-COMMIT.tar.gz.sha256sum",
		"rke2.windows-amd64-COMMIT.tar.gz", "rke2.windows-amd64-COMMIT.tar.gz.sha256sum",
	}
	if diff := cmp.Diff(want, objects); diff != "" {
		t.Errorf("objects in S3 (-want +got):\n%s", diff)
	}

	if len(github.Releases) != 1 || !github.Releases[0].Draft {
		t.Fatalf("releases: %+v, want one draft", github.Releases)
	}
	var assets []string
	for _, a := range github.Releases[0].Assets {
		assets = append(assets, a.Name)
	}
	slices.Sort(assets)
	if diff := cmp.Diff(artifacts(t), assets); diff != "" {
		t.Errorf("assets (-want +got):\n%s", diff)
	}
	w.slipway(release, "publish", "release", "--prerelease")
	if r := github.Releases[0]; r.Draft || !r.Prerelease {
		t.Errorf("after publish release: %+v, want a published pre-release", r)
	}
}

// Check the conditions of slipway.yaml in the plan.
func TestOtherReleases(t *testing.T) {
	w := newWorkshop(t)
	for _, c := range []struct {
		env           []string
		want, without string
	}{
		{env: []string{"TAG=v1.36.4-rc1+rke2r1", "PRIME_REGISTRY=prime.example", "PRIME_STAGING_REGISTRY=staging.example"}, want: "registry staging.example/rancher", without: "registry prime.example"},
		{env: []string{"PRIME_REGISTRY=prime.example"}, want: "registry prime.example/rancher", without: "staging.example"},
		{want: "rke2-images-vsphere.linux-amd64.tar.zst", without: "rke2-images-ovirt"},
		{want: "GitHub release of rancher/rke2 (draft)", without: "rke2-images-vsphere.linux-arm64"},
		{env: []string{"REGISTRY=registry.rancher.com"}, want: "rke2-images-ovirt.linux-amd64.tar.zst", without: "rke2-images-ovirt.linux-arm64"},
		{env: []string{"TEST_IMAGE=1"}, want: "rke2-test", without: "ovirt"},
	} {
		w := *w
		w.env = append(slices.Clone(w.env), c.env...)
		if plan := w.slipway(w.source, "plan"); !strings.Contains(plan, c.want) || strings.Contains(plan, c.without) {
			t.Errorf("%v: want %q and not %q in\n%s", c.env, c.want, c.without, plan)
		}
	}
}

// privateRegistry starts a registry that accepts only one user.
func privateRegistry(t *testing.T, username, password string) string {
	t.Helper()
	target, err := url.Parse("http://" + imagetest.Registry(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != username || p != password {
			rw.Header().Set("WWW-Authenticate", `Basic realm="prime"`)
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// artifacts returns the names of the files of RKE2's releases.
func artifacts(t *testing.T) (names []string) {
	t.Helper()
	for line := range strings.Lines(read(t, "artifacts.txt")) {
		if name := strings.TrimSpace(line); name != "" && !strings.HasPrefix(name, "#") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
