package engine_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// engines are the engines that tests run with.
var engines = []struct {
	name    string
	address func(testing.TB) string
	builder func(engine.Options) *engine.Builder
}{
	{"buildkit", imagetest.Buildkit, engine.Buildkit},
	{"docker", imagetest.Docker, engine.Docker},
}

// A starter returns a builder for the engine of a test. If its options have no store, the builder
// gets one of its own.
type starter func(testing.TB, engine.Options) *engine.Builder

// withEngines runs a test with each engine.
func withEngines(t *testing.T, run func(t *testing.T, start starter)) {
	t.Helper()
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			address := e.address(t)
			run(t, func(t testing.TB, o engine.Options) *engine.Builder {
				if o.Store == nil {
					o.Store = openStore(t)
				}
				o.Address = address
				return e.builder(o)
			})
		})
	}
}

func openStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// sources is a Source of the images of a test, by name.
type sources map[string]v1.ImageIndex

func (s sources) Image(_ context.Context, ref string, platform v1.Platform) (v1.Image, error) {
	index := s[ref]
	if rest, ok := strings.CutPrefix(ref, "oci-layout://"); ok {
		var err error
		if index, err = layoutIndex(rest); err != nil {
			return nil, err
		}
	}
	if index == nil {
		// BuildKit requests the full name.
		for name, found := range s {
			if full, err := images.ParseReference(name); err == nil && full.Name() == ref {
				index = found
			}
		}
	}
	if index == nil {
		return nil, fmt.Errorf("image %s does not exist", ref)
	}
	return images.ImageFor(index, platform)
}

// layoutIndex returns the index at rest, which is DIR:TAG.
func layoutIndex(rest string) (v1.ImageIndex, error) {
	dir, tag := rest, ""
	if i := strings.LastIndex(rest, ":"); i > strings.LastIndex(rest, "/") {
		dir, tag = rest[:i], rest[i+1:]
	}
	path, err := layout.FromPath(dir)
	if err != nil {
		return nil, err
	}
	outer, err := path.ImageIndex()
	if err != nil {
		return nil, err
	}
	manifest, err := outer.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, d := range manifest.Manifests {
		if tag == "" || d.Annotations["org.opencontainers.image.ref.name"] == tag {
			return outer.ImageIndex(d.Digest)
		}
	}
	return nil, fmt.Errorf("%s has no %q", dir, tag)
}

// printed has the lines that tasks printed, and warnings with a prefix.
type printed struct {
	mu    sync.Mutex
	lines []string
}

func (p *printed) Started(*progress.Task) {}
func (p *printed) Line(_ *progress.Task, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
}
func (p *printed) Finished(*progress.Task, error) {}
func (p *printed) Warning(message string)         { p.Line(nil, "warning: "+message) }

func (p *printed) warns(part string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.lines, func(line string) bool {
		return strings.HasPrefix(line, "warning: ") && strings.Contains(line, part)
	})
}

func (p *printed) contains(part string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.lines, func(line string) bool { return strings.Contains(line, part) })
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// started has the names of tasks.
type started struct{ printed }

func (s *started) Started(task *progress.Task) { s.Line(task, task.Name) }

// tool is a static program for RUN in images that have no other. It is built once for all tests.
var tool = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "slipway-engine-")
	if err != nil {
		return "", err
	}
	toolDir = dir
	out := filepath.Join(dir, "tool")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/tool")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the tool: %w\n%s", err, text)
	}
	return out, nil
})

var toolDir string

func TestMain(m *testing.M) {
	code := m.Run()
	if toolDir != "" {
		os.RemoveAll(toolDir)
	}
	os.Exit(code)
}

// addTool puts the tool into a folder.
func addTool(t testing.TB, dir string) {
	t.Helper()
	imagetest.Program(t, "go")
	path, err := tool()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, filepath.Join(dir, "tool")); err == nil {
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tool"), data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// buildOf returns a build of a Dockerfile whose context has files.
func buildOf(t testing.TB, dockerfile string, files map[string]string) images.BuildContext {
	t.Helper()
	dir := t.TempDir()
	context := filepath.Join(dir, "context")
	if err := os.Mkdir(context, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		full := filepath.Join(context, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "Dockerfile")
	if err := os.WriteFile(file, []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(dockerfile, "tool") {
		addTool(t, context)
	}
	return images.BuildContext{
		Dir: context, Dockerfile: file,
		Platform: v1.Platform{OS: "linux", Architecture: "amd64"}, Epoch: imagetest.Created(),
	}
}

// filesOf returns the flattened files of img, and those of each layer.
func filesOf(t testing.TB, img v1.Image) (files, layers string) {
	t.Helper()
	all := imagetest.LayerEntries(t, img)
	for i, entries := range all {
		layers += fmt.Sprintf("layer %d\n%s", i+1, imagetest.FormatListing(entries))
	}
	return imagetest.FormatListing(imagetest.Flatten(t, all)), layers
}

// lines returns the lines of a listing that are neither empty nor comments.
func lines(s string) []string {
	var all []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}
