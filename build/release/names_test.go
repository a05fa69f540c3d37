package release

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Two jobs whose artifacts share a checksum file make the same artifacts as one machine, without those that are
// switched off.
func TestDisabledArtifacts(t *testing.T) {
	r := makeRelease(t)
	r.configure("  level: fastest\n", `  level: fastest
  formats: [tar.zst, {format: tar, when: 'ARCH == "arm64"'}]
  text: OS == "linux"
  all-images: false
`)
	r.configure("{images: [acme-runtime]}", `{images: [acme-runtime], formats: [], name: 'list.${ARCH}'}`)
	r.configure("publish:\n", "names: {checksums: SHA256SUMS, bundle: 'acme-${ARCH}${EXE}'}\npublish:\n")
	r.run("package")
	if err := r.open().Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	want := strings.Fields("SHA256SUMS acme-amd64.exe.zip acme-amd64.tar.gz acme-arm64.tar.gz acme-images-windows.windows-ltsc2022-amd64.tar.zst " +
		"acme-images-windows.windows-ltsc2025-amd64.tar.zst acme-images.linux-amd64.tar.zst acme-images.linux-amd64.txt acme-images.linux-arm64.tar " +
		"acme-images.linux-arm64.tar.zst acme-images.linux-arm64.txt acme.linux-amd64 acme.linux-arm64 acme.windows-amd64.exe list.amd64.txt list.arm64.txt")
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(r.files("dist/artifacts")))); diff != "" {
		t.Fatalf("dist/artifacts (-want +got):\n%s", diff)
	}
	sums, err := os.ReadFile(filepath.Join(r.dir, "dist", "artifacts", "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(sums), "\n"); lines != len(want)-1 {
		t.Errorf("the checksum file has %d lines, want %d:\n%s", lines, len(want)-1, sums)
	}

	whole := filepath.Join(r.dir, "dist")
	linux, windows, merged := filepath.Join(t.TempDir(), "linux"), filepath.Join(t.TempDir(), "windows"), filepath.Join(t.TempDir(), "merged")
	r.job(into(linux, system("linux")))
	r.job(into(windows, system("windows")))
	b := r.open(into(merged))
	if err := b.Merge(t.Context(), []string{linux, windows}); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if diff := cmp.Diff(read(t, filepath.Join(whole, "artifacts")), read(t, filepath.Join(merged, "artifacts"))); diff != "" {
		t.Errorf("the merged artifacts (-whole +merged):\n%.2000s", diff)
	}
	if err := r.open(into(merged)).Verify(t.Context()); err != nil {
		t.Errorf("verify of the merged jobs: %v", err)
	}
}
