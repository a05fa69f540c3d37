package release

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPrebuilt releases binaries that another run has made, and a binary from another machine.
func TestPrebuilt(t *testing.T) {
	r := makeRelease(t)
	r.run("build", "binaries")
	made := filepath.Join(r.dir, "made")
	if err := os.CopyFS(made, os.DirFS(filepath.Join(r.dir, "dist", "bin"))); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(made, "linux-arm64", "acme"))
	if err != nil {
		t.Fatal(err)
	}
	r.configure("package: ./cmd/acme, ldflags: [-s -w]", `prebuilt: "made/${PLATFORM}/acme${EXE}"`)
	if err := errors.Join(os.RemoveAll(filepath.Join(r.dir, "dist")), os.RemoveAll(filepath.Join(r.dir, "cmd")), os.Remove(filepath.Join(r.dir, "go.mod"))); err != nil {
		t.Fatal(err)
	}
	b := r.run("package")
	if got, err := os.ReadFile(filepath.Join(r.dir, "dist", "artifacts", "acme.linux-arm64")); err != nil || !slices.Equal(got, want) {
		t.Errorf("the artifact is not the binary that was made elsewhere (%v)", err)
	}
	if paths := r.paths(b, "acme-runtime:v1.2.3-acme1-windows-ltsc2022-amd64"); !slices.Contains(paths, "bin/acme.exe") {
		t.Errorf("the image has %q", paths)
	}

	if err := errors.Join(os.WriteFile(filepath.Join(made, "linux-amd64", "acme"), want, 0o755), os.Remove(filepath.Join(made, "windows-amd64", "acme.exe"))); err != nil {
		t.Fatal(err)
	}
	err = r.try(r.open(), "build", "binaries")
	for _, part := range []string{
		"slipway.yaml:6:5: acme linux/amd64: prebuilt binary ", "acme: the binary is not for linux/amd64 but ELF (ET_EXEC, EM_AARCH64)",
		"slipway.yaml:6:5: acme windows/amd64: missing prebuilt binary ",
	} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got %v\nwant %q", err, part)
		}
	}
}
