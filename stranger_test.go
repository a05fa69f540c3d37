package slipway_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// A stranger has only the program, and a registry on this machine.
type stranger struct {
	t   *testing.T
	dir string
	env []string
}

func newStranger(t *testing.T, bin, registry string) *stranger {
	return &stranger{t: t, dir: filepath.Join(t.TempDir(), "hello"), env: append(os.Environ(),
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "SLIPWAY_CACHE="+filepath.Join(t.TempDir(), "cache"), "PROGRESS=none", "GOFLAGS=", "GOPROXY=off",
		"TAG=", "PLATFORMS=", "REGISTRY="+registry, "REPO=demo", "GIT_AUTHOR_NAME=T", "GIT_AUTHOR_EMAIL=t@example.invalid", "GIT_COMMITTER_NAME=T", "GIT_COMMITTER_EMAIL=t@example.invalid")}
}

// TestAStranger has the program, and follows the documentation.
func TestAStranger(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the command")
	}
	if runtime.GOOS == "windows" {
		t.Skip("runs commands as sh does")
	}
	bin := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "slipway"), "./cmd/slipway").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Run("first release", func(t *testing.T) { firstRelease(t, bin) })
	t.Run("minimal example", func(t *testing.T) { minimalExample(t, bin) })
}

// sh runs a line of a shell in the repository.
func (s *stranger) sh(line string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "sh", "-e", "-c", line)
	cmd.Dir, cmd.Env = s.dir, s.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// firstRelease starts with a repository with a Go program and a Dockerfile, and ends with published images and
// archives, with the commands of docs/install.md.
func firstRelease(t *testing.T, bin string) {
	page, err := os.ReadFile(filepath.FromSlash("docs/install.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)## A first release\n.*?```sh\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("docs/install.md shows no first release")
	}
	commands := strings.Split(strings.TrimSpace(string(block[1])), "\n")
	if len(commands) > 5 {
		t.Errorf("a first release takes %d commands, want at most 5", len(commands))
	}
	hub := imagetest.Registry(t)
	s := newStranger(t, bin, hub)
	for file, content := range map[string]string{
		"go.mod":     "module example.com/hello\n\ngo 1.26\n",
		"main.go":    "package main\n\nvar version = \"dev\"\n\nfunc main() { println(version) }\n",
		"LICENSE":    "Apache License\nVersion 2.0, January 2004\n",
		".gitignore": "/dist\n",
		"Dockerfile": "FROM scratch\nCOPY hello LICENSE /\nENTRYPOINT [\"/hello\"]\n",
	} {
		testfile.Write(t, filepath.Join(s.dir, file), content)
	}
	testfile.NewRepo(t, s.dir).Commit("A web service", "2026-08-21T12:00:00Z")
	for _, command := range commands {
		s.sh(command)
	}

	ref, err := name.ParseReference(hub + "/demo/hello:v0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
	}
	if want := []string{"linux/amd64", "linux/arm64"}; !slices.Equal(platforms, want) {
		t.Errorf("the index has %v, want %v", platforms, want)
	}
	artifacts, err := name.ParseReference(hub + "/demo/hello-artifacts:v0.1.0")
	if err != nil {
		t.Fatal(err)
	}
	published, err := remote.Get(artifacts, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"hello-images.linux-amd64.tar.zst", "hello-images.linux-arm64.tar.gz", "hello.linux-amd64", "sha256sum-amd64.txt"} {
		if !strings.Contains(string(published.Manifest), `"`+want+`"`) {
			t.Errorf("the published artifacts have no %s:\n%s", want, published.Manifest)
		}
	}
	if out := s.sh("dist/bin/linux-" + runtime.GOARCH + "/hello 2>&1"); out != "v0.1.0\n" {
		t.Errorf("the program prints %q, want its version", out)
	}
}

// minimalExample builds examples/minimal in a fresh folder. Its Windows base images come from a registry on this machine.
func minimalExample(t *testing.T, bin string) {
	text, err := os.ReadFile(filepath.FromSlash("examples/minimal/slipway.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines != 10 {
		t.Errorf("examples/minimal/slipway.yaml has %d lines, want 10, as in docs/install.md", lines)
	}
	hub := imagetest.Registry(t)
	s := newStranger(t, bin, hub)
	if err := os.CopyFS(s.dir, os.DirFS(filepath.FromSlash("examples/minimal"))); err != nil {
		t.Fatal(err)
	}
	certs := t.TempDir()
	testfile.Write(t, filepath.Join(certs, "mcr.microsoft.com", "hosts.toml"), "[host.\"http://"+hub+"\"]\n  capabilities = [\"pull\", \"resolve\"]\n")
	s.env = append(s.env, "SLIPWAY_CERTS_DIR="+certs, "GIT_CEILING_DIRECTORIES="+filepath.Dir(s.dir))
	for tag, version := range map[string]string{"ltsc2022": "10.0.20348.4294", "ltsc2025": "10.0.26100.4294"} {
		imagetest.Push(t, hub+"/windows/nanoserver:"+tag, imagetest.Image(t, "windows/amd64:"+version, imagetest.WindowsLayer(t, imagetest.Files{"License.txt": tag})))
	}
	s.sh("slipway build")

	data, err := os.ReadFile(filepath.Join(s.dir, "dist", "artifacts.json"))
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Made []struct{ Kind, Platform string }
	}
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	var made []string
	for _, m := range report.Made {
		if m.Kind == "image" {
			made = append(made, m.Platform)
		}
	}
	slices.Sort(made)
	if want := []string{"linux/amd64", "linux/arm64", "windows/amd64:10.0.20348.4294", "windows/amd64:10.0.26100.4294"}; !slices.Equal(made, want) {
		t.Errorf("images for %v, want %v", made, want)
	}
	if out := s.sh("dist/bin/linux-" + runtime.GOARCH + "/hello -version"); !strings.HasPrefix(out, "v0.0.0") {
		t.Errorf("the program prints %q, want its version", out)
	}
}
