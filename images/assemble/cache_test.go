package assemble_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

// A countingStore counts the layers that are made.
type countingStore struct {
	*store.Store
	made atomic.Int64
}

func (c *countingStore) Layer(ctx context.Context, key string, compression images.Compression, write func(io.Writer) error) (v1.Layer, error) {
	return c.Store.Layer(ctx, key, compression, func(w io.Writer) error {
		c.made.Add(1)
		return write(w)
	})
}

// A cachedProject is a Dockerfile of two layers, with a countingStore.
type cachedProject struct {
	t     *testing.T
	dir   string
	store *countingStore
}

func newCachedProject(t *testing.T) *cachedProject {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	p := &cachedProject{t, t.TempDir(), &countingStore{Store: s}}
	p.write("Dockerfile", "FROM scratch AS collect\nCOPY bin /all/\nFROM scratch\nCOPY charts /charts/\nCOPY --from=collect /all /bin/\n")
	p.write("bin/tool", "tool")
	p.write("bin/other", "other")
	p.write("charts/chart.yaml", "name: chart")
	return p
}

func (p *cachedProject) write(name, content string) {
	p.t.Helper()
	path := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// build builds for a platform, and returns the digest and the number of layers that were made.
func (p *cachedProject) build(platform string, change ...func(*images.BuildContext)) (v1.Hash, int64) {
	p.t.Helper()
	build := images.BuildContext{Dir: p.dir, Dockerfile: filepath.Join(p.dir, "Dockerfile"), Platform: imagetest.Platform(p.t, platform), Epoch: time.Unix(1700000000, 0)}
	for _, c := range change {
		c(&build)
	}
	p.store.made.Store(0)
	img, err := assemble.New(assemble.Options{Layers: p.store}).Assemble(p.t.Context(), build)
	if err != nil {
		p.t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		p.t.Fatal(err)
	}
	return digest, p.store.made.Load()
}

func TestOnlyWhatChangedIsMadeAgain(t *testing.T) {
	p := newCachedProject(t)
	first, made := p.build("linux/amd64")
	if made != 2 {
		t.Errorf("%d layers were made at first, want 2", made)
	}
	if again, made := p.build("linux/amd64"); made != 0 || again != first {
		t.Errorf("without a change: %d layers were made, and the image is %s after %s", made, again, first)
	}
	p.write("bin/tool", "TOOL")
	changed, made := p.build("linux/amd64")
	if made != 1 || changed == first {
		t.Errorf("one binary changed: %d layers were made, and the image is %s after %s", made, changed, first)
	}
	p.write("bin/tool", "tool")
	if back, made := p.build("linux/amd64"); made != 0 || back != first {
		t.Errorf("changed back: %d layers were made, and the image is %s, want %s", made, back, first)
	}
	if fresh, made := p.build("linux/amd64", func(b *images.BuildContext) { b.NoCache = true }); made != 2 || fresh != first {
		t.Errorf("without the cache: %d layers were made, and the image is %s, want %s", made, fresh, first)
	}
}

func TestWindowsVersionsShareTheirLayers(t *testing.T) {
	p := newCachedProject(t)
	seen := map[v1.Hash]bool{}
	var all int64
	for _, version := range []string{"10.0.17763.7919", "10.0.20348.4294", "10.0.26100.4294"} {
		digest, made := p.build("windows/amd64:" + version)
		seen[digest] = true
		all += made
	}
	if all != 2 || len(seen) != 3 {
		t.Errorf("%d layers were made for %d images, want 2 for 3", all, len(seen))
	}
}

// Accidental properties of a checkout (its place, times, permissions other than the executable bit,
// the order of files) do not affect the image.
func TestAccidentsOfTheCheckoutDoNotAffectTheImage(t *testing.T) {
	one, two := newCachedProject(t), newCachedProject(t)
	then := time.Now().Add(-1000 * time.Hour)
	if err := filepath.WalkDir(two.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o600)
		if d.IsDir() {
			mode = 0o700
		}
		if err := os.Chmod(path, mode); err != nil {
			return err
		}
		return os.Chtimes(path, then, then)
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(two.dir, "bin", "other"), filepath.Join(two.dir, "kept")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(two.dir, "kept"), filepath.Join(two.dir, "bin", "other")); err != nil {
		t.Fatal(err)
	}
	a, _ := one.build("linux/arm64")
	b, _ := two.build("linux/arm64")
	if a != b {
		t.Errorf("two checkouts of the same files make %s and %s", a, b)
	}
}
