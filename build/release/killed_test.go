package release

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// Files that a killed run has not completed do not make verify fail, and the next run removes them.
func TestLeftoversOfAKilledRun(t *testing.T) {
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
			t.Errorf("%s still exists: %v", file, err)
		}
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file of another program was removed: %v", err)
	}
}

// A run that is interrupted while it writes an archive leaves no temporary file, and the next run completes the
// release.
func TestAnInterruptLeavesNoHalfFile(t *testing.T) {
	imagetest.Program(t, "go")
	r := makeRelease(t)
	content := make([]byte, 32<<20)
	rand.NewChaCha8([32]byte{1}).Read(content)
	testfile.Write(t, filepath.Join(r.dir, "charts", "large"), string(content))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			entries, _ := os.ReadDir(filepath.Join(r.dir, "dist", "artifacts"))
			if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return output.IsTemporary(e.Name()) }) {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	selected, err := plan.Select("package", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.open().Run(ctx, selected); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	for name := range r.files("dist") {
		if output.IsTemporary(path.Base(name)) {
			t.Errorf("%s remains", name)
		}
	}
	r.run("package")
	if err := r.open().Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
}
