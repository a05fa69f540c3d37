package cli

import (
	"archive/tar"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/slipway-build/slipway/images/imagetest"
)

// The index of a registry, a layout and an archive has the same findings, which decide the exit status.
func TestIndexInspectJudges(t *testing.T) {
	index := imagetest.WindowsBase(t, "10.0.20348.4294", "10.0.26100.4294") // the newest last
	ref := imagetest.Registry(t) + "/acme/app:v1"
	imagetest.Push(t, ref, index)
	dir := filepath.Join(t.TempDir(), "oci")
	written, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := written.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "example.com/acme/app:v1"})); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "app.tar")
	file, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(file)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir()}
	for _, ref := range []string{ref, "oci:" + dir, "docker-archive:" + archive + ":example.com/acme/app:v1"} {
		for _, c := range []struct {
			failOn string
			status int
		}{{"error", 1}, {"note", 1}, {"none", 0}, {"fatal", 2}} {
			status, stdout, stderr := run(t, env, "index", "inspect", "--json", "--fail-on", c.failOn, ref)
			if status != c.status {
				t.Fatalf("%s --fail-on %s: exit status %d, want %d\n%s%s", ref, c.failOn, status, c.status, stdout, stderr)
			}
			if c.status == 2 {
				continue
			}
			var document struct {
				Findings []struct{ Severity, Rule, Reason, Advice string }
			}
			if err := json.Unmarshal([]byte(stdout), &document); err != nil {
				t.Fatal(err)
			}
			if f := document.Findings; len(f) != 1 || f[0].Rule != "windows-order" || f[0].Reason == "" || f[0].Advice == "" {
				t.Errorf("%s: findings %+v", ref, f)
			}
			if c.status == 1 && !strings.Contains(stderr, ": 1 error") {
				t.Errorf("%s: %s", ref, stderr)
			}
		}
		if _, stdout, _ := run(t, env, "index", "inspect", ref); !strings.Contains(stdout, "\nerror: nodes with Windows 10.0.26100 take 10.0.20348.4294") ||
			!strings.Contains(stdout, "\n  why: ") || !strings.Contains(stdout, "\n  do:  ") {
			t.Errorf("%s shows\n%s", ref, stdout)
		}
	}
	if status, stdout, _ := run(t, env, "index", "inspect", "--raw", ref); status != 0 || !strings.HasPrefix(stdout, "{") {
		t.Errorf("--raw: exit status %d\n%s", status, stdout)
	}
}
