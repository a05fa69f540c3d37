package cli

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A file with mode 0600 on disk has 0644 in an image, unless modes are kept: by the flag of image
// build, and by the key of slipway.yaml.
func TestModesAreKeptOnRequest(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes to keep")
	}
	dir, config := project(t)
	built := func(args ...string) string {
		t.Helper()
		args = append([]string{"image", "build", "--platform", "linux/amd64"}, append(args, dir)...)
		status, stdout, stderr := run(t, map[string]string{"SOURCE_DATE_EPOCH": "1"}, args...)
		if status != 0 {
			t.Fatalf("exit status %d\n%s", status, stderr)
		}
		_, digest, _ := strings.Cut(stdout, "sha256:")
		return digest[:64]
	}
	if err := os.Chmod(filepath.Join(dir, "hello.txt"), 0o644); err != nil {
		t.Fatal(err)
	}
	open := built("--modes", "keep")
	if err := os.Chmod(filepath.Join(dir, "hello.txt"), 0o600); err != nil {
		t.Fatal(err)
	}
	if normal := built(); normal != open {
		t.Errorf("without a flag, a file of mode 0600 makes another image than one of 0644")
	}
	if kept := built("--modes", "keep"); kept == open {
		t.Errorf("with --modes keep, a file of mode 0600 makes the same image as one of 0644")
	}

	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "    variants:", "    modes: keep\n    variants:", 1))
	if err := os.WriteFile(config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if status, stdout, stderr := run(t, nil, "build", "--config", config, "--platform", "linux/amd64"); status != 0 {
		t.Fatalf("exit status %d\n%s%s", status, stdout, stderr)
	}
	archive := filepath.Join(t.TempDir(), "a.tar")
	if status, _, stderr := run(t, nil, "airgap", "pack", "--platform", "linux/amd64", "-o", archive, "oci:"+filepath.Join(dir, "dist", "oci")+":registry.example.com/team/acme-runtime:v1.0.0-dev"); status != 0 {
		t.Fatalf("exit status %d\n%s", status, stderr)
	}
	dest := filepath.Join(t.TempDir(), "etc")
	if status, _, stderr := run(t, nil, "airgap", "extract", "registry.example.com/team/acme-runtime:v1.0.0-dev", "--from", archive, "--path", "/etc="+dest); status != 0 {
		t.Fatalf("exit status %d\n%s", status, stderr)
	}
	info, err := os.Stat(filepath.Join(dest, "hello.txt"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("with modes: keep, the file is %v (%v), want 0600", info.Mode(), err)
	}
}
