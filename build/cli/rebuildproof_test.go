package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

// A release that was made in CI has the invocation in its provenance, which a rebuild elsewhere has not. The statements
// in indexes and archives lack it, so that these are equal.
func TestAReleaseWithProofIsBuiltAgain(t *testing.T) {
	t.Setenv("SLIPWAY_TEST_MAIN", "1")
	dir, config := project(t)
	private, public := keyPair(2)
	hub := imagetest.Registry(t)
	raw, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, dir, map[string]string{".gitignore": "dist\nrelease.key\n", "release.pub": public, "release.key": private,
		"slipway.yaml": strings.Replace(string(raw), "registry.example.com", hub, 1) +
			"provenance: {attest: true}\nsbom: {attest: true, of: [images, archives]}\nsign: {key: release.key, public-key: release.pub}\n"})
	commit(t, dir)
	for _, args := range [][]string{{"tag", "v1.0.0"}, {"remote", "add", "origin", "https://git.example.com/acme/acme.git"}} {
		if out, err := exec.Command(imagetest.Program(t, "git"), append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	env := map[string]string{"SLIPWAY_CACHE": t.TempDir(), "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1",
		"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/acme"}
	good := func(args ...string) string {
		t.Helper()
		status, stdout, stderr := run(t, env, append(args, "--config", config)...)
		if status != 0 {
			t.Fatalf("slipway %v: exit status %d\n%s%s", args, status, stdout, stderr)
		}
		return stdout
	}
	good("package")
	statement, err := os.ReadFile(filepath.Join(dir, "dist", "artifacts", "acme-images.linux-amd64.tar.zst.provenance.json"))
	if err != nil || !strings.Contains(string(statement), "https://github.com/acme/acme/actions/runs/7/attempts/1") || !strings.Contains(string(statement), "git.example.com/acme/acme@") {
		t.Errorf("the provenance does not name its origin and its invocation: %s, %v", statement, err)
	}
	if out := good("verify", "--rebuild"); !strings.Contains(out, " artifacts equal to dist") {
		t.Errorf("verify --rebuild says %s", out)
	}
	good("publish")
	good("verify", "--rebuild", "--against", filepath.Join(dir, "dist", "artifacts"))
	good("verify", "--rebuild", "--against", hub+"/team/acme-runtime:v1.0.0")
}
