package release

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/slipway-build/slipway/build/bundle"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/internal/testfile"
)

// A bundle is made again when any part of it changes: a byte of a name that is not UTF-8, or
// whether a file is executable.
func TestBundleKeyHasEveryByteAndMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no modes, and names are UTF-16")
	}
	r := makeRelease(t)
	b := r.open()
	if err := b.openBench(); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(r.dir, "files")
	file := filepath.Join(folder, "caf\xe9")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("x"), 0o644); err != nil {
		testfile.Missing(t, "this file system has no name with other bytes than UTF-8: %v", err)
	}
	key := func() string {
		t.Helper()
		key, err := b.bundleKey(t.Context(), plan.BundleStep{}, []bundle.File{{Source: folder, Path: "files"}})
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	first := key()
	if err := os.Rename(file, filepath.Join(folder, "caf\xe8")); err != nil {
		t.Fatal(err)
	}
	renamed := key()
	if err := os.Chmod(filepath.Join(folder, "caf\xe8"), 0o755); err != nil {
		t.Fatal(err)
	}
	if executable := key(); first == renamed || renamed == executable {
		t.Errorf("keys %s, %s after a rename, %s after chmod; want three", first, renamed, executable)
	}
}
