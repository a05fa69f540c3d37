package assemble_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

var update = flag.Bool("update", false, "write what comes out into the cases")

// bases is a Source of the images of a test.
type bases map[string]v1.ImageIndex

func (b bases) Image(_ context.Context, ref string, platform v1.Platform) (v1.Image, error) {
	idx := b[ref]
	if rest, ok := strings.CutPrefix(ref, "oci-layout://"); ok {
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
				if idx, err = outer.ImageIndex(d.Digest); err != nil {
					return nil, err
				}
			}
		}
	}
	if idx == nil {
		return nil, fmt.Errorf("image %s does not exist", ref)
	}
	manifest, err := idx.IndexManifest()
	if err != nil {
		return nil, err
	}
	var offered []v1.Platform
	for _, d := range manifest.Manifests {
		offered = append(offered, *d.Platform)
	}
	i, err := images.SelectPlatform(platform, offered)
	if err != nil {
		return nil, err
	}
	return idx.Image(manifest.Manifests[i].Digest)
}

// warnings has the warnings of one build.
type warnings struct {
	mu    sync.Mutex
	lines []string
}

func (w *warnings) Started(*progress.Task)         {}
func (w *warnings) Line(*progress.Task, string)    {}
func (w *warnings) Finished(*progress.Task, error) {}
func (w *warnings) Warning(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, message)
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

// TestCases runs the Dockerfiles in testdata in the same way as the CLI: with a store on disk,
// which is empty the first time.
func TestCases(t *testing.T) {
	documentation, err := os.ReadFile("../../docs/dockerfile-support.md")
	if err != nil {
		t.Fatal(err)
	}
	imagetest.DockerfileCases(t, "testdata", func(t *testing.T, c *imagetest.DockerfileCase) {
		t.Parallel()
		named := strings.Contains(string(documentation), "`"+c.Name+"`")
		if why := c.Differs + c.DockerDiffers; why != "" && !named {
			t.Errorf("docs/dockerfile-support.md does not name %s, in which builders differ: %s", c.Name, why)
		}
		printed := &warnings{}
		ctx := progress.With(t.Context(), printed)
		cache := t.TempDir()
		build := func(ctx context.Context) (v1.Image, error) {
			s, err := store.Open(cache)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return assemble.New(assemble.Options{Layers: s, Sources: bases(c.Images)}).Assemble(ctx, c.Build)
		}
		img, err := build(ctx)
		compareWarnings(t, c.WantWarnings, printed.lines)
		if len(c.WantError) > 0 {
			compareError(t, err, c.WantError)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(img); err != nil {
			t.Error(err)
		}
		again, err := build(t.Context())
		if cold, warm := digest(t, img, nil), digest(t, again, err); cold != warm {
			t.Errorf("with a cold cache the image is %s, with a warm one %s", cold, warm)
		}
		files, layers := formatFiles(t, img)
		if *update {
			c.Rewrite(t, map[string]string{
				"want files": files, "want layers": layers, "want config": selectConfig(imagetest.FormatConfig(t, img), c.WantConfig),
			})
			return
		}
		if c.WantFiles != "" {
			if diff := cmp.Diff(listing(imagetest.HostModes(c.WantFiles)), listing(imagetest.HostModes(files))); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		}
		if c.WantLayers != "" {
			if diff := cmp.Diff(listing(imagetest.HostModes(c.WantLayers)), listing(imagetest.HostModes(layers))); diff != "" {
				t.Errorf("layers (-want +got):\n%s", diff)
			}
		}
		imagetest.CompareConfig(t, img, c.WantConfig)
	})
}

// listing returns the lines of a listing that are neither empty nor comments.
func listing(s string) []string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// formatFiles returns the flattened files of img, and those of each layer.
func formatFiles(t testing.TB, img v1.Image) (files, layers string) {
	t.Helper()
	all := imagetest.LayerEntries(t, img)
	for i, entries := range all {
		layers += fmt.Sprintf("layer %d\n%s", i+1, imagetest.FormatListing(entries))
	}
	if files = imagetest.FormatListing(imagetest.Flatten(t, all)); files == "" {
		files = "# nothing\n"
	}
	return files, layers
}

// selectConfig returns the lines of config whose first word is that of a line of wanted.
func selectConfig(config, wanted string) string {
	keys := map[string]bool{}
	var order []string
	for line := range strings.Lines(wanted) {
		if key, _, _ := strings.Cut(strings.TrimSpace(line), " "); key != "" && !keys[key] {
			keys[key] = true
			order = append(order, key)
		}
	}
	var out strings.Builder
	for _, want := range order {
		found := false
		for line := range strings.Lines(config) {
			if key, _, _ := strings.Cut(strings.TrimRight(line, "\n"), " "); key == want {
				out.WriteString(line)
				found = true
			}
		}
		if !found {
			out.WriteString(want + " (none)\n")
		}
	}
	return out.String()
}

func compareError(t *testing.T, err error, want []string) {
	t.Helper()
	if err == nil {
		t.Fatalf("it was built; want an error with %q", want)
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("missing %q in the error:\n%v", part, err)
		}
	}
}

func compareWarnings(t *testing.T, want, got []string) {
	t.Helper()
	for _, part := range want {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, part) }) {
			t.Errorf("missing warning %q in\n%s", part, strings.Join(got, "\n"))
		}
	}
}
