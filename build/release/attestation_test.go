package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// A signed release publishes its statements about images as attestations, which cosign verifies.
func TestStatementsArePublishedSigned(t *testing.T) {
	imagetest.Program(t, "go")
	r := signedRelease(t, ", files: none")
	const document = `{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex", "author": "Acme", "timestamp": "2026-01-01T00:00:00Z",
  "version": 1, "statements": [{"vulnerability": {"name": "CVE-2026-1"}, "products": [{"@id": "pkg:oci/acme-runtime"}], "status": "fixed"}]}`
	testfile.Write(t, filepath.Join(r.dir, "acme.vex.json"), document)
	r.configure("publish:", "provenance: true\nvex: [acme.vex.json]\npublish:")
	r.configure("platforms: [linux/amd64, linux/arm64, windows/amd64]", "platforms: [linux/amd64, windows/amd64]")
	r.configure("- {platforms: [linux/amd64, linux/arm64, windows/amd64], dockerfile", "- {platforms: [linux/amd64, windows/amd64], dockerfile")
	r.run("package")
	if err := r.verify(); err != nil {
		t.Error(err)
	}
	r.run("publish")

	proof := filepath.Join(r.dir, "dist", "proof", "acme-runtime_v1.2.3-acme1.provenance.json")
	raw, err := os.ReadFile(proof)
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, proof, strings.Replace(string(raw), "slsa.dev", "slsa.dex", 1))
	if err := r.verify(); err == nil || !strings.Contains(err.Error(), "the signature is of another statement") {
		t.Errorf("verify of another statement: %v", err)
	}
	b := r.open()
	if err := b.Run(t.Context(), plan.Selection{Verb: "publish", Parts: []string{"index"}}); err == nil || !strings.Contains(err.Error(), "the signature is of another statement") {
		t.Errorf("publish of another statement: %v", err)
	}

	cosign := imagetest.Program(t, "cosign")
	for _, tag := range []string{"v1.2.3-acme1", "v1.2.3-acme1-linux-amd64", "v1.2.3-acme1-windows-amd64", "v1.2.3-acme1-windows-ltsc2025-amd64"} {
		for _, predicate := range []string{"slsaprovenance1", "openvex"} {
			cmd := exec.Command(cosign, "verify-attestation", "--type", predicate, "--key", filepath.Join(r.dir, "cosign.pub"), "--insecure-ignore-tlog",
				r.registry+"/team/acme-runtime:"+tag)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s of %s: %v: %s", predicate, tag, err, out)
			}
		}
	}
}
