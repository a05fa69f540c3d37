package pack_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// kindsOf lists the files of a store by kind, which is the name of their folder.
func kindsOf(t *testing.T, content *store.Store) map[string][]string {
	t.Helper()
	kinds := map[string][]string{}
	err := filepath.WalkDir(content.Dir(), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(file, ".lock") {
			return err
		}
		rel, err := filepath.Rel(content.Dir(), file)
		names := strings.Split(filepath.ToSlash(rel), "/")
		kind := path.Join(names[:min(len(names)-1, 3)]...)
		kinds[kind] = append(kinds[kind], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return kinds
}

// If all files of one kind in the cache are damaged, packing makes the same archives, and repairs
// the cache.
func TestPackMendsTheCache(t *testing.T) {
	all := append(airgaptest.SampleImages(t), airgaptest.Siblings(t, 2, -1)...)
	outputs := func() (dir string, out []pack.Output) {
		dir = t.TempDir()
		for _, name := range []string{"a.tar", "a.tar.zst", "a.tar.gz"} {
			out = append(out, pack.Output{Path: filepath.Join(dir, name)})
		}
		return dir, out
	}
	run := func(ctx context.Context, content *store.Store) map[string][]byte {
		t.Helper()
		dir, out := outputs()
		if _, err := pack.Write(ctx, content, all, out, pack.Options{}); err != nil {
			t.Fatal(err)
		}
		made := map[string][]byte{}
		for _, o := range out {
			raw, err := os.ReadFile(o.Path)
			if err != nil {
				t.Fatal(err)
			}
			made[strings.TrimPrefix(o.Path, dir)] = raw
		}
		return made
	}
	content := airgaptest.NewStore(t)
	want := run(t.Context(), content)
	kinds := kindsOf(t, content)
	clean := map[string][]byte{}
	for _, files := range kinds {
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			clean[file] = raw
		}
	}
	for _, kind := range []string{"blobs/sha256", ".slipway/derived/zstd-frame", ".slipway/derived/zstd-segment", ".slipway/derived/gzip-frame",
		".slipway/records/blob", ".slipway/records/derived", ".slipway/records/sketch-1"} {
		if len(kinds[kind]) == 0 {
			t.Errorf("the images of this test leave no files in %s", kind)
		}
	}
	for kind, files := range kinds {
		if strings.HasPrefix(kind, ".slipway/") || strings.HasPrefix(kind, "blobs/") {
			for _, how := range []string{"flipped", "cut", "empty"} {
				t.Run(path.Base(kind)+" "+how, func(t *testing.T) {
					for _, file := range files {
						bad := bytes.Clone(clean[file])
						switch how {
						case "flipped":
							bad[len(bad)*2/3] ^= 4
						case "cut":
							bad = bad[:len(bad)-1]
						case "empty":
							bad = nil
						}
						if err := errors.Join(os.Chmod(file, 0o600), os.WriteFile(file, bad, 0o600)); err != nil {
							t.Fatal(err)
						}
					}
					warned := &airgaptest.Warnings{}
					again, err := store.Open(content.Dir())
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { again.Close() })
					got := run(progress.With(t.Context(), warned), again)
					for name, raw := range want {
						if !bytes.Equal(got[name], raw) {
							t.Errorf("%s has other bytes than it should", name)
						}
					}
					if len(warned.Said) == 0 {
						t.Error("there was no warning")
					}
					for file, raw := range clean {
						if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, raw) {
							t.Errorf("%s was not mended: %v", file, err)
						}
					}
				})
			}
		}
	}
}
