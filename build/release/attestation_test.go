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
	r.configure("publish:", "provenance: true\nsbom: {formats: [spdx, cyclonedx], of: [images]}\nvex: [acme.vex.json]\npublish:")
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

	testfile.Write(t, proof, string(raw))
	r.refuseForgedSBOM()

	cosign := imagetest.Program(t, "cosign")
	ofImages := []string{"slsaprovenance1", "openvex", "spdxjson", "cyclonedx"}
	for tag, predicates := range map[string][]string{"v1.2.3-acme1": ofImages[:2], "v1.2.3-acme1-windows-amd64": ofImages[:2],
		"v1.2.3-acme1-linux-amd64": ofImages, "v1.2.3-acme1-windows-ltsc2025-amd64": ofImages} {
		for _, predicate := range predicates {
			cmd := exec.Command(cosign, "verify-attestation", "--type", predicate, "--key", filepath.Join(r.dir, "cosign.pub"), "--insecure-ignore-tlog",
				r.registry+"/team/acme-runtime:"+tag)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s of %s: %v: %s", predicate, tag, err, out)
			}
		}
	}
}

// refuseForgedSBOM checks that a signed SBOM is of the document in dist, and that package makes it again otherwise.
func (r *testRelease) refuseForgedSBOM() {
	t := r.t
	t.Helper()
	at := filepath.Join(r.dir, "dist", "proof", "acme-runtime_v1.2.3-acme1-linux-amd64.spdx.json.sigstore.json")
	document := filepath.Join(r.dir, "dist", "artifacts", "acme-runtime-linux-amd64.spdx.json")
	signed, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	genuine, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	r.run("package")
	other, err := os.ReadFile(strings.Replace(at, "linux-amd64", "windows-ltsc2025-amd64", 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, forged := range [][]byte{other, []byte("{}"), append(signed[:len(signed):len(signed)], ' ')} {
		testfile.Write(t, at, string(forged))
		r.run("package")
		if again, err := os.ReadFile(at); err != nil || string(again) != string(signed) && string(again) != string(forged) {
			t.Errorf("the SBOM was signed otherwise (%v)", err)
		}
		if err := r.verify(); err != nil {
			t.Error(err)
		}
	}
	testfile.Write(t, at, string(other))
	if err := r.verify(); err == nil || !strings.Contains(err.Error(), "the signature is of another statement") {
		t.Errorf("verify of the signed SBOM of another image: %v", err)
	}
	testfile.Write(t, at, string(signed))
	testfile.Write(t, document, strings.Replace(string(genuine), "SPDX-2.3", "SPDX-2.2", 1))
	if err := r.verify(); err == nil || !strings.Contains(err.Error(), "the signature is of another statement") {
		t.Errorf("verify of another SBOM: %v", err)
	}
	testfile.Write(t, document, string(genuine))
}
