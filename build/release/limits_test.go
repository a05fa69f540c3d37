package release

import (
	"archive/tar"
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/testfile"
)

func TestTheLimitOfUnpackingCanBeSet(t *testing.T) {
	r := makeRelease(t)
	testfile.Write(t, filepath.Join(r.dir, "Dockerfile"), "FROM scratch\nADD files.tar /\n")
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "zeros", Size: 100_000, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, filepath.Join(r.dir, "files.tar"), archive.String())
	r.options.UnpackLimit = 50_000
	if err := r.try(r.open(), "build", "images"); err == nil || !strings.Contains(err.Error(), "Dockerfile:2") {
		t.Errorf("got %v, want an error at the ADD", err)
	}
	r.options.UnpackLimit = 200_000
	r.run("build", "images")
}
