package release

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/build/workbench/signatures"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// Jobs that have the key sign what they make. A merge signs the indexes and checksums, too, and everything is as if one
// machine had made it. The indexes contain provenance and SBOMs.
func TestMergedJobsOfASignedRelease(t *testing.T) {
	r := attestedRelease(t)
	key, file, err := sign.GenerateKey([]byte("pass word"))
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, filepath.Join(r.dir, "cosign.key"), string(file))
	testfile.Write(t, filepath.Join(r.dir, "cosign.pub"), string(key.PublicKey().PEM()))
	r.configure("publish:\n", "sign: {key: cosign.key, public-key: cosign.pub, attach: [referrers, tags]}\npublish:\n")
	r.env["COSIGN_PASSWORD"] = "pass word"
	r.run("package")
	want := read(t, filepath.Join(r.dir, "dist"))

	folder := t.TempDir()
	linux, windows, merged := filepath.Join(folder, "linux"), filepath.Join(folder, "windows"), filepath.Join(folder, "merged")
	r.job(into(linux, system("linux")))
	r.job(into(windows, system("windows")))
	// The signature of a job is not believed: it is made again.
	stale := filepath.Join(linux, "artifacts", "acme.linux-amd64.tar.gz.sigstore.json")
	testfile.Write(t, stale, want["artifacts/acme.windows-amd64.zip.sigstore.json"][len("-rw-r--r-- "):])
	b := r.open(into(merged))
	if err := b.Merge(t.Context(), []string{linux, windows}); err != nil {
		t.Fatal(err)
	}
	b.Close()
	got := read(t, merged)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Fatalf("the files (-want +got):\n%s", diff)
	}
	for name := range want {
		if want[name] != got[name] {
			t.Errorf("%s differs: %.200q, want %.200q", name, got[name], want[name])
		}
	}

	delete(r.env, "COSIGN_PASSWORD") // the public key is enough
	published := r.open(into(merged))
	if err := published.Verify(t.Context()); err != nil {
		t.Errorf("verify: %v", err)
	}
	r.do(published, "publish")
	keys := sign.Verifiers(key.PublicKey())
	ref := r.registry + "/team/acme-runtime:v1.2.3-acme1"
	verified, err := signatures.VerifyImages(t.Context(), published.bench, signatures.VerifyJob{Refs: []string{ref}, Trusted: keys, Recursive: true})
	if err != nil || len(verified) != 1 {
		t.Errorf("image verify --recursive: %v, %v", verified, err)
	}
	r.checkCosign(filepath.Join(r.dir, "cosign.pub"), 4)
	cosign := imagetest.Program(t, "cosign")
	for _, name := range []string{"sha256sum-amd64.txt", "acme.linux-amd64.tar.gz", "acme.windows-amd64.zip"} {
		path := filepath.Join(r.dir, "released", name)
		cmd := exec.Command(cosign, "verify-blob", "--key", filepath.Join(r.dir, "cosign.pub"), "--bundle", path+".sigstore.json", "--insecure-ignore-tlog", path)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
	cmd := exec.Command(cosign, "verify-attestation", "--type", "slsaprovenance1", "--key", filepath.Join(r.dir, "cosign.pub"), "--insecure-ignore-tlog", ref)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "payload") {
		t.Errorf("the provenance of the index: %v: %s", err, out)
	}
}
