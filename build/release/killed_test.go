package release

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

// What a killed run has left half-written is not an error of what it has finished, and the next run removes it.
func TestWhatAKilledRunLeaves(t *testing.T) {
	r := makeRelease(t)
	r.run("package")
	left := []string{
		"artifacts/.acme-images.linux-amd64.tar.zst.123.tmp", "artifacts/.acme-images.linux-amd64.tar.gz.5.tmp.part001",
		"artifacts/.acme.linux-amd64.tar.gz.77.tmp", "artifacts/.slipway-42", ".slipway-43", "bin/linux-amd64/.slipway-compile-9/acme",
	}
	for _, file := range left {
		testfile.Write(t, filepath.Join(r.dir, "dist", filepath.FromSlash(file)), "half")
	}
	foreign := filepath.Join(r.dir, "dist", "artifacts", ".theirs.tar.123.tmp")
	testfile.Write(t, foreign, "")
	if err := r.open().Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	r.run("build", "binaries")
	for _, file := range left {
		if _, err := os.Lstat(filepath.Join(r.dir, "dist", filepath.FromSlash(file))); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", file, err)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file of another program was removed: %v", err)
	}
}
