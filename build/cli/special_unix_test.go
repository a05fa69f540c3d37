//go:build unix

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Opening a named pipe blocks until a process writes to it, and signals do not interrupt it.
func TestPipesInTheirPlaceAreRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		replace string // file of the project that becomes a pipe
		files   map[string]string
		args    []string
	}{
		{"slipway.yaml", "slipway.yaml", nil, []string{"plan", "--config", "DIR/slipway.yaml"}},
		{"the Dockerfile of a project", "Dockerfile", nil, []string{"build", "--config", "DIR/slipway.yaml"}},
		{"a Dockerfile", "Dockerfile", nil, []string{"image", "build", "--platform", "linux/amd64", "-o", "oci:DIR/out", "DIR"}},
		{"an ignore file", ".dockerignore", nil, []string{"image", "build", "--platform", "linux/amd64", "-o", "oci:DIR/out", "DIR"}},
		{"a list of a project", "list.txt", map[string]string{"slipway.yaml": "project: acme\nplatforms: [linux/amd64]\nairgap: {lists: {images: {file: list.txt}}}\n"},
			[]string{"package", "--config", "DIR/slipway.yaml"}},
		{"a file of a bundle", "file", map[string]string{"slipway.yaml": "project: acme\nplatforms: [linux/amd64]\nbundles: [{files: [{source: file}]}]\n"},
			[]string{"package", "--config", "DIR/slipway.yaml"}},
		{"a script of a package", "post.sh", map[string]string{"file": "", "slipway.yaml": "project: acme\nplatforms: [linux/amd64]\nbundles: [{formats: [deb], files: [{source: file, path: /f}], package: {maintainer: A <a@b.c>, description: D, license: MIT, scripts: {postinstall: post.sh}}}]\n"},
			[]string{"package", "--config", "DIR/slipway.yaml"}},
		{"a module's go.mod", "go.mod", map[string]string{"slipway.yaml": "project: acme\nplatforms: [linux/amd64]\nbinaries: [{name: acme, package: .}]\n"},
			[]string{"build", "--config", "DIR/slipway.yaml"}},
		{"a list", "list.txt", nil, []string{"airgap", "pack", "-f", "DIR/list.txt", "-o", "DIR/a.tar"}},
		{"an archive to show", "a.tar", nil, []string{"airgap", "ls", "DIR/a.tar"}},
		{"an archive to verify", "a.tar", nil, []string{"airgap", "verify", "DIR/a.tar"}},
		{"an archive to push", "a.tar", nil, []string{"airgap", "push", "DIR/a.tar", "127.0.0.1:1"}},
		{"a layout's index", "layout/index.json", map[string]string{"layout/oci-layout": `{"imageLayoutVersion": "1.0.0"}`},
			[]string{"airgap", "pack", "-o", "DIR/a.tar", "oci:DIR/layout"}},
		{"a layout's mark", "layout/oci-layout", map[string]string{"layout/index.json": `{"schemaVersion": 2}`},
			[]string{"airgap", "pack", "-o", "DIR/a.tar", "oci:DIR/layout"}},
		{"a docker archive", "image.tar", nil, []string{"airgap", "pack", "-o", "DIR/a.tar", "docker-archive:DIR/image.tar"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir, _ := project(t)
			for name, content := range c.files {
				path := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join(dir, filepath.FromSlash(c.replace))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			_ = os.Remove(path)
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
			args := strings.Split(strings.ReplaceAll(strings.Join(c.args, "\n"), "DIR", dir), "\n")
			status, stdout, stderr := run(t, nil, args...)
			if said := stdout + stderr; status == 0 || !strings.Contains(said, "named pipe") && !strings.Contains(said, "not a file") && !strings.Contains(said, "neither a file") {
				t.Errorf("exit status %d:\n%s\nwant an error about a named pipe", status, said)
			}
		})
	}
}
