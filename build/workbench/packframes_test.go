package workbench

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/imagetest"
)

// A cache that is too small for layers and frames keeps frames. A .tar.zst is then packed again without fetching a layer,
// and other archives fetch it.
func TestPackWithoutTheLayersOfASmallCache(t *testing.T) {
	registry := imagetest.Registry(t)
	image := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 3<<20))
	imagetest.Push(t, registry+"/acme/app:1", image)
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	cache, out := t.TempDir(), t.TempDir()
	run := func(offline bool, name string) (made []byte, fetch int64, hasLayer bool, err error) {
		t.Helper()
		w, err := Open(Options{Cache: cache, Jobs: 2, Offline: offline, Platforms: []v1.Platform{{OS: "linux", Architecture: "amd64"}},
			Getenv: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		path := filepath.Join(out, name)
		job := PackJob{Images: []PackSource{{Ref: registry + "/acme/app:1"}}, Outputs: []string{path}}
		before, err := w.PreflightPack(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Pack(t.Context(), job); err != nil {
			return nil, before.Fetch, false, err
		}
		_, missing := os.Stat(w.Cache.Path(digest))
		made, err = os.ReadFile(path)
		return made, before.Fetch, missing == nil, err
	}
	want, fetch, hasLayer, err := run(false, "a.tar.zst")
	if err != nil || fetch < 3<<20 || !hasLayer {
		t.Fatalf("nothing cached: %d bytes to fetch, layer in the cache: %t, %v", fetch, hasLayer, err)
	}
	blob := filepath.Join(cache, "content", "blobs", "sha256", digest.Hex)
	unused := time.Now().Add(-time.Hour)
	if err := os.Chtimes(blob, unused, unused); err != nil {
		t.Fatal(err)
	}
	if made, _, _, err := run(false, "b.tar.zst"); err != nil || !bytes.Equal(made, want) {
		t.Errorf("everything cached: same bytes: %t, %v", bytes.Equal(made, want), err)
	}
	if info, err := os.Stat(blob); err != nil || time.Since(info.ModTime()) < 59*time.Minute {
		t.Errorf("packing of frames counts as a use of the layer: %v", err)
	}
	var size int64
	err = filepath.WalkDir(cache, func(_ string, e fs.DirEntry, err error) error {
		if info, statErr := e.Info(); statErr == nil && !e.IsDir() {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if freed, err := CleanCache(t.Context(), cache, 0, size-1<<20); err != nil || freed < 3<<20 || freed > 4<<20 {
		t.Fatalf("cleaning the cache freed %d bytes of %d: %v", freed, size, err)
	}
	made, fetch, hasLayer, err := run(true, "b.tar.zst")
	if err != nil || fetch != 0 || hasLayer || !bytes.Equal(made, want) {
		t.Errorf("only frames cached: %d bytes to fetch, layer in the cache: %t, same bytes: %t, %v", fetch, hasLayer, bytes.Equal(made, want), err)
	}
	if _, fetch, _, err := run(true, "b.tar.gz"); err == nil || fetch < 3<<20 {
		t.Errorf("a .tar.gz was packed offline without the layer, of which %d bytes were to fetch", fetch)
	}
	if _, _, hasLayer, err := run(false, "b.tar.gz"); err != nil || !hasLayer {
		t.Errorf("a .tar.gz: layer in the cache: %t, %v", hasLayer, err)
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(cache, "content", ".slipway", "derived")), os.Remove(blob)); err != nil {
		t.Fatal(err)
	}
	if made, _, hasLayer, err := run(false, "c.tar.zst"); err != nil || !hasLayer || !bytes.Equal(made, want) {
		t.Errorf("no frames cached: layer in the cache: %t, same bytes: %t, %v", hasLayer, bytes.Equal(made, want), err)
	}
}
