package release

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/testfile"
)

func TestCleanRemovesNothingOfOthers(t *testing.T) {
	r := makeRelease(t)
	out := filepath.Join(r.dir, "elsewhere")
	there := func(o *Options) { o.Dist = out }
	testfile.Write(t, filepath.Join(out, "bin", "theirs"), "")
	if err := r.open(there).Clean(t.Context()); err == nil || !strings.Contains(err.Error(), "not an output folder of slipway") {
		t.Errorf("got %v, want an error for a folder without artifacts", err)
	}
	r.do(r.open(there), "build", "linux")
	if err := r.open(there).Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"bin/theirs"}, slices.Sorted(maps.Keys(r.files("elsewhere")))); diff != "" {
		t.Errorf("remaining files (-want +got):\n%s", diff)
	}
	// dist itself is removed without a marker, as after a run that was killed at once.
	testfile.Write(t, filepath.Join(r.dir, "dist", "bin", "linux-amd64", "acme"), "")
	if err := r.open().Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "dist")); !os.IsNotExist(err) {
		t.Errorf("dist still exists: %v", err)
	}
}

func TestPreflightAndVerifyCreateNoFiles(t *testing.T) {
	r := makeRelease(t)
	if _, err := r.open().Preflight(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := r.open().Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "run build and package first") {
		t.Errorf("got %v, want an error for a missing release", err)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "dist")); !os.IsNotExist(err) {
		t.Errorf("a preflight or verify made dist: %v", err)
	}
}
