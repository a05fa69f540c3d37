package workbench

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/imagetest"
)

// cacheSize returns the size of a cache's content, in bytes.
func cacheSize(t *testing.T, dir string) int64 {
	t.Helper()
	var size int64
	err := filepath.WalkDir(filepath.Join(dir, "content", "blobs"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// age makes a cache's content two hours older, since content that another process may be using is
// kept.
func age(t *testing.T, dir string) {
	t.Helper()
	then := time.Now().Add(-2 * time.Hour)
	err := filepath.WalkDir(filepath.Join(dir, "content"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chtimes(path, then, then)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	registry, dir := imagetest.Registry(t), t.TempDir()
	imagetest.Push(t, registry+"/acme/one:1", imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 400_000)))
	o := Options{Cache: dir, Jobs: 2, CacheSize: 1 << 30, Getenv: func(string) (string, bool) { return "", false }}
	pack := func() {
		t.Helper()
		w, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if _, err := w.Pack(t.Context(), PackJob{Images: []PackSource{{Ref: registry + "/acme/one:1"}}, Outputs: []string{filepath.Join(t.TempDir(), "x.tar.gz")}}); err != nil {
			t.Fatal(err)
		}
	}
	pack()
	if got := cacheSize(t, dir); got < 400_000 {
		t.Fatalf("the cache has %d bytes, want the layer in it", got)
	}
	// The cache was cleaned today.
	o.CacheSize = 1000
	pack()
	if got := cacheSize(t, dir); got < 400_000 {
		t.Errorf("the cache was cleaned twice a day; %d bytes remain", got)
	}
	age(t, dir)
	if freed, err := CleanCache(t.Context(), dir, 0, 1000); err != nil || freed < 400_000 {
		t.Errorf("freed %d, %v", freed, err)
	}
	if got := cacheSize(t, dir); got > 1000 {
		t.Errorf("%d bytes remain, want at most 1000", got)
	}
	// Missing content is fetched again, and a new cache is limited at once.
	pack()
	if _, err := CleanCache(t.Context(), dir, time.Hour, 0); err != nil {
		t.Error(err)
	}
	if got := cacheSize(t, dir); got < 400_000 {
		t.Errorf("content of this hour was removed; %d bytes remain", got)
	}
	age(t, dir)
	if _, err := CleanCache(t.Context(), dir, 0, 0); err != nil {
		t.Error(err)
	}
	if got := cacheSize(t, dir); got != 0 {
		t.Errorf("%d bytes remain after cleaning all", got)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	pack()
	if got := cacheSize(t, dir); got > 1000 {
		t.Errorf("%d bytes remain, want at most 1000", got)
	}
}
