package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/proof"
)

// containerd calls the program with these arguments, and goes by its exit status.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	img := airgaptest.Simple(t, "acme/app:v1", "linux/amd64")
	_, err := pack.Write(t.Context(), airgaptest.NewStore(t), []pack.Image{img}, []pack.Output{{Path: filepath.Join(dir, "images.tar.zst")}},
		pack.Options{Layers: "original", Proof: &pack.Proof{Sign: proof.SignWith(airgaptest.Key(t, 1))}})
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file("release.pub", string(airgaptest.Key(t, 1).PublicKey().PEM()))
	file("other.pub", string(airgaptest.Key(t, 2).PublicKey().PEM()))
	good := file("policy.yaml", "keys: {release: release.pub}\narchive: {signed-by: [release]}\nnode:\n  archives: ['"+dir+"']\n")
	other := file("other.yaml", "keys: {other: other.pub}\narchive: {signed-by: [other]}\nnode:\n  archives: ['"+dir+"']\n")
	nowhere := file("nowhere.yaml", "keys: {release: release.pub}\narchive: {signed-by: [release]}\n")
	pull := []string{"-name", "docker.io/acme/app:v1", "-digest", airgaptest.Registry(t, img), "-stdin-media-type", "application/vnd.oci.descriptor.v1+json"}
	for _, c := range []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"admitted", append(pull, "-policy", good), 0, "admitted: docker.io/acme/app:v1 is in " + filepath.Join(dir, "images.tar.zst") + ", signed by release\n"},
		{"other archives", append(pull, "-policy", nowhere, "-archives", dir), 0, "admitted: "},
		{"another key", append(pull, "-policy", other), 1, "refused: acme/app:v1@sha256:"},
		{"no policy", append(pull, "-policy", good+"x"), 1, "refused: reading policy"},
		{"no archives", append(pull, "-policy", nowhere), 1, "missing node.archives"},
		{"no digest", append(pull[:2:2], "-policy", good), 1, "refused: "},
		{"a flag that containerd does not have", []string{"-x"}, 2, ""},
		{"the version", []string{"-version"}, 0, "slipway-verifier dev\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), c.args, &stdout, &stderr)
			if status != c.status || !strings.Contains(stdout.String(), c.want) || strings.Count(stdout.String(), "\n") > 1 {
				t.Errorf("exit status %d, want %d: %q, want %q", status, c.status, stdout.String(), c.want)
			}
		})
	}
}
