package assemble_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

// several has the files of a context whose Dockerfile has layers of every kind.
var several = map[string]string{
	"Dockerfile": "FROM base AS one\nCOPY dir /dir\nADD a.tar /tar/\nFROM one\nCOPY --chown=me --chmod=u+x b.txt /b\n" +
		"COPY --link c.txt /c/\nCOPY --from=one /dir/sub /sub\nCOPY <<EOF /heredoc\n$TARGETARCH\nEOF\nLABEL z=1 a=2 m=3\nVOLUME /v2 /v1\nEXPOSE 80 443\n",
	"context/dir/a.txt": "a", "context/dir/sub/b.txt": "b", "context/dir/sub/c.txt": "c", "context/b.txt": "bb", "context/c.txt": "cc",
}

// base returns a base image with a user.
func base(t testing.TB) v1.ImageIndex {
	return imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.LayerOf(t, "", imagetest.ParseListing(t, `
drwxr-xr-x 0:0 etc/
-rw-r--r-- 0:0 etc/passwd "me:x:1:2::/:\n"
`)...)))
}

func withTar(t testing.TB, files map[string]string) map[string]string {
	all := map[string]string{"context/a.tar": string(imagetest.Tar(t, imagetest.ParseListing(t, "drwxr-xr-x 3:4 x/ @1500000000\n-rw-r--r-- 3:4 x/y \"y\" @1500000000\n")...))}
	for name, content := range files {
		all[name] = content
	}
	return all
}

func digest(t testing.TB, img v1.Image, err error) v1.Hash {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestTheSameEverywhere builds equal inputs in other folders, in another order, at another time,
// with other modes, on fewer processors.
func TestTheSameEverywhere(t *testing.T) {
	files := withTar(t, several)
	build := func(c images.BuildContext) v1.Hash {
		img, err := assemble.New(assemble.Options{Layers: openStore(t), Sources: bases{"base": base(t)}}).Assemble(t.Context(), c)
		return digest(t, img, err)
	}
	want := build(project(t, files))

	if got := build(project(t, files)); got != want {
		t.Errorf("in another folder: %s, want %s", got, want)
	}

	changed := project(t, files)
	err := filepath.WalkDir(changed.Dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o600)
		if d.IsDir() {
			mode = 0o700
		}
		if err := os.Chmod(name, mode); err != nil {
			return err
		}
		return os.Chtimes(name, time.Unix(1, 0), time.Unix(1234567890, 0))
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := build(changed); got != want {
		t.Errorf("with other modes and times: %s, want %s", got, want)
	}

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if got := build(project(t, files)); got != want {
		t.Errorf("on one processor: %s, want %s", got, want)
	}
}

// TestTheEpochChangesNoLayer builds at another time. Config and history change, but layers do not.
func TestTheEpochChangesNoLayer(t *testing.T) {
	c := project(t, withTar(t, several))
	assembler := assemble.New(assemble.Options{Layers: openStore(t), Sources: bases{"base": base(t)}})
	one, err := assembler.Assemble(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	c.Epoch = c.Epoch.Add(time.Hour)
	two, err := assembler.Assemble(t.Context(), c)
	if digest(t, one, nil) == digest(t, two, err) {
		t.Error("the time is not in the config")
	}
	if diff := cmp.Diff(layerDigests(t, one), layerDigests(t, two)); diff != "" {
		t.Errorf("layers (-one +two):\n%s", diff)
	}
}

func layerDigests(t testing.TB, img v1.Image) []v1.Hash {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var all []v1.Hash
	for _, l := range layers {
		d, err := l.Digest()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// countingLayers counts the layers that are written.
type countingLayers struct {
	*store.Store
	mu    sync.Mutex
	count int
}

func (c *countingLayers) Layer(ctx context.Context, key string, compression images.Compression, write func(io.Writer) error) (v1.Layer, error) {
	return c.Store.Layer(ctx, key, compression, func(w io.Writer) error {
		c.mu.Lock()
		c.count++
		c.mu.Unlock()
		return write(w)
	})
}

// take returns the count, and resets it.
func (c *countingLayers) take() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.count
	c.count = 0
	return n
}

// TestOnlyWhatChangedIsWritten makes one change after another between builds with one store. Each
// build has its own assembler, like consecutive processes.
func TestOnlyWhatChangedIsWritten(t *testing.T) {
	c := project(t, withTar(t, several))
	written := &countingLayers{Store: openStore(t)}
	build := func() int {
		t.Helper()
		_, err := assemble.New(assemble.Options{Layers: written, Sources: bases{"base": base(t)}}).Assemble(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return written.take()
	}
	set := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(c.Dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if n := build(); n != 6 {
		t.Fatalf("the first build writes %d layers, want 6", n)
	}
	if n := build(); n != 0 {
		t.Errorf("an unchanged build writes %d layers, want none", n)
	}
	set("c.txt", "changed c")
	if n := build(); n != 1 {
		t.Errorf("a changed file of one instruction writes %d layers, want 1", n)
	}
	set("dir/sub/b.txt", "changed b")
	if n := build(); n != 2 {
		t.Errorf("a changed file of two instructions writes %d layers, want 2", n)
	}
	set("ignored-by-all", "x")
	if n := build(); n != 0 {
		t.Errorf("a file that no instruction copies writes %d layers, want none", n)
	}
	if err := os.Chmod(filepath.Join(c.Dir, "b.txt"), 0o755); err != nil {
		t.Fatal(err)
	}
	if n := build(); n != 1 && runtime.GOOS != "windows" {
		t.Errorf("a changed mode writes %d layers, want 1", n)
	}
	c.Args = map[string]string{"TARGETARCH": "unused by layers but one"}
	if n := build(); n != 0 {
		t.Errorf("an argument that no stage declares writes %d layers, want none", n)
	}
	c.NoCache = true
	if n := build(); n != 6 {
		t.Errorf("without a cache %d layers are written, want 6", n)
	}
}

// TestNothingIsWrittenForAnError has an error in the last instruction.
func TestNothingIsWrittenForAnError(t *testing.T) {
	files := withTar(t, several)
	files["Dockerfile"] += "COPY nope /\n"
	written := &countingLayers{Store: openStore(t)}
	_, err := assemble.New(assemble.Options{Layers: written, Sources: bases{"base": base(t)}}).Assemble(t.Context(), project(t, files))
	compareError(t, err, []string{"Dockerfile:14", `"nope" not found`})
	if n := written.take(); n != 0 {
		t.Errorf("%d layers were written before the error was found", n)
	}
}

// TestFileThatChangesDuringABuild changes a file during a build. Without the check, the layer's name
// would not match its content.
func TestFileThatChangesDuringABuild(t *testing.T) {
	c := project(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY a /a\n", "context/a": "before"})
	s := openStore(t)
	_, err := assemble.New(assemble.Options{Layers: &changingLayers{s, filepath.Join(c.Dir, "a")}}).Assemble(t.Context(), c)
	compareError(t, err, []string{"changed while it was read", "build again"})
}

// changingLayers changes a file between the computation of its digest and the layer.
type changingLayers struct {
	*store.Store
	file string
}

func (c *changingLayers) Layer(ctx context.Context, key string, compression images.Compression, write func(io.Writer) error) (v1.Layer, error) {
	if err := os.WriteFile(c.file, []byte("beyond"), 0o644); err != nil {
		return nil, err
	}
	return c.Store.Layer(ctx, key, compression, write)
}
