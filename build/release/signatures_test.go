package release

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images/attest/keyless/keylesstest"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// signedRelease is makeRelease with a key, whose password is in the environment.
func signedRelease(t *testing.T, settings string) *testRelease {
	t.Helper()
	r := makeRelease(t)
	key, file, err := sign.GenerateKey([]byte("pass word"))
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, filepath.Join(r.dir, "cosign.key"), string(file))
	testfile.Write(t, filepath.Join(r.dir, "cosign.pub"), string(key.PublicKey().PEM()))
	r.env["COSIGN_PASSWORD"] = "pass word"
	r.configure("publish:\n", "sign: {key: cosign.key, public-key: cosign.pub"+settings+"}\npublish:\n")
	return r
}

func (r *testRelease) verify() error {
	r.t.Helper()
	return r.open().Verify(r.t.Context())
}

func TestASignedRelease(t *testing.T) {
	r := signedRelease(t, ", attach: [referrers, tags]")
	r.run("package")
	read := func(file string) string {
		t.Helper()
		raw, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	files := []string{"dist/artifacts/acme-images.linux-amd64.tar.zst.sigstore.json", "dist/artifacts/sha256sum-amd64.txt.sigstore.json",
		"dist/proof/acme-runtime_v1.2.3-acme1.sigstore.json", "dist/proof/acme-runtime_v1.2.3-acme1-windows-ltsc2022-amd64.sig.sigstore.json"}
	before := map[string]string{}
	for _, f := range files {
		before[f] = read(f)
	}
	// Without a password: verify and publish need the public key only.
	delete(r.env, "COSIGN_PASSWORD")
	if err := r.verify(); err != nil {
		t.Error(err)
	}
	r.run("publish")
	r.checkCosign(filepath.Join(r.dir, "cosign.pub"), 6)
	if _, err := os.Stat(filepath.Join(r.dir, "released", "sha256sum-amd64.txt.sigstore.json")); err != nil {
		t.Error(err)
	}

	// The same key makes the same bytes, whether old signatures stay or not.
	r.env["COSIGN_PASSWORD"] = "pass word"
	if err := os.RemoveAll(filepath.Join(r.dir, "dist", "proof")); err != nil {
		t.Fatal(err)
	}
	r.run("package")
	for _, f := range files {
		if read(f) != before[f] {
			t.Errorf("%s has other bytes", f)
		}
	}

	testfile.Write(t, filepath.Join(r.dir, filepath.FromSlash(files[0])), before[files[1]])
	if err := r.verify(); err == nil || !strings.Contains(err.Error(), "acme-images.linux-amd64.tar.zst: the signature does not match key") {
		t.Errorf("the signature of another file: %v", err)
	}
	b := r.open()
	if err := b.Run(t.Context(), plan.Selection{Verb: "publish", Parts: []string{"artifacts"}}); err == nil {
		t.Error("the signature of another file is published")
	}
}

// checkCosign checks every image and index of the registry with cosign, by referrers and by signature tags. The registry
// has count of them.
func (r *testRelease) checkCosign(public string, count int) {
	t := r.t
	t.Helper()
	cosign := imagetest.Program(t, "cosign")
	repo, err := name.NewRepository(r.registry + "/team/acme-runtime")
	if err != nil {
		t.Fatal(err)
	}
	tags, err := remote.List(repo)
	if err != nil {
		t.Fatal(err)
	}
	tags = slices.DeleteFunc(tags, func(tag string) bool { return strings.HasPrefix(tag, "sha256-") })
	if len(tags) != count {
		t.Errorf("tags %q", tags)
	}
	for _, tag := range tags {
		for _, args := range [][]string{nil, {"--new-bundle-format=false"}} {
			cmd := exec.Command(cosign, slices.Concat([]string{"verify", "--key", public, "--insecure-ignore-tlog"}, args, []string{repo.Name() + ":" + tag})...)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s %q: %v: %s", tag, args, err, out)
			}
		}
	}
}

// A release is signed with the identity of a token, and verified by it.
func TestAReleaseSignedWithAnIdentity(t *testing.T) {
	imagetest.Program(t, "go")
	services := keylesstest.Start(t)
	r := makeRelease(t)
	testfile.Write(t, filepath.Join(r.dir, "trusted_root.json"), string(services.Root("tsa", "rekor", "ctlog")))
	r.configure("publish:\n", fmt.Sprintf("sign: {keyless: {fulcio-url: %q, timestamp-server-url: %q, rekor-url: %q, trusted-root: trusted_root.json, certificate-identity: %q, certificate-oidc-issuer: %q}}\npublish:\n",
		services.Fulcio, services.TSA, services.Rekor, keylesstest.Subject, keylesstest.Issuer))
	fails := func(want string) {
		t.Helper()
		err := r.open().Run(t.Context(), plan.Selection{Verb: "package", Parts: []string{"airgap", "bundles"}})
		if err == nil || strings.Count(err.Error(), want) != 1 || strings.Contains(err.Error(), r.env["SIGSTORE_ID_TOKEN"]) && r.env["SIGSTORE_ID_TOKEN"] != "" {
			t.Errorf("error %v, want %q once", err, want)
		}
	}
	fails("missing identity token: set the environment variable SIGSTORE_ID_TOKEN")
	r.env["SIGSTORE_ID_TOKEN"] = keylesstest.Token(-time.Minute)
	fails("the identity token has ended")
	r.env["SIGSTORE_ID_TOKEN"] = keylesstest.Token(time.Hour)
	r.configure(keylesstest.Subject, "other@example.com")
	fails("it is signed by releases@example.com (https://token.example.com), not by other@example.com")
	r.configure("other@example.com", keylesstest.Subject)

	services.Certificates.Store(0)
	r.run("package")
	// Nothing needs the token any more: what is signed stays.
	delete(r.env, "SIGSTORE_ID_TOKEN")
	r.run("package")
	if err := r.verify(); err != nil {
		t.Error(err)
	}
	r.run("publish")
	if n := services.Certificates.Load(); n != 1 {
		t.Errorf("%d certificates", n)
	}
	r.configure(keylesstest.Subject, "other@example.com")
	if err := r.verify(); err == nil || !strings.Contains(err.Error(), "not by other@example.com") {
		t.Errorf("another identity: %v", err)
	}
	err := r.open().Run(t.Context(), plan.Selection{Verb: "publish", Parts: []string{"artifacts"}})
	if want := "acme-images.linux-amd64.tar.zst: it is signed by"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("publishing files of another identity: %v, want %q", err, want)
	}
}

func TestKeysOfSignedReleases(t *testing.T) {
	imagetest.Program(t, "go")
	r := signedRelease(t, ", files: checksums, attach: [none]")
	fails := func(what, want string) {
		t.Helper()
		b := r.open()
		err := b.Run(t.Context(), plan.Selection{Verb: "package", Parts: []string{"bundles"}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", what, err, want)
		}
	}
	delete(r.env, "COSIGN_PASSWORD")
	missing := "signing: private key " + filepath.Join(r.dir, "cosign.key") + ": the key is encrypted: set the environment variable COSIGN_PASSWORD to its password"
	fails("without a password", missing)
	// It is the first error, and nothing was made.
	if made, err := filepath.Glob(filepath.Join(r.dir, "dist", "bin", "*")); err != nil || len(made) > 0 {
		t.Errorf("without a password, dist has %q: %v", made, err)
	}
	b := r.open()
	if err := b.openBench(); err != nil {
		t.Fatal(err)
	}
	if err := b.merge(t.Context(), nil); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("merge without a password: error %v, want %q", err, missing)
	}
	r.env["COSIGN_PASSWORD"] = "secret"
	fails("with another password", "wrong password")
	r.env["COSIGN_PASSWORD"] = "pass word"
	other, _, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(filepath.Join(r.dir, "cosign.pub"))
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, filepath.Join(r.dir, "cosign.pub"), string(other.PublicKey().PEM()))
	fails("with another public key", "does not belong to private key")
	testfile.Write(t, filepath.Join(r.dir, "cosign.pub"), string(public))

	// Without public-key, publish needs the private key.
	r.configure(", public-key: cosign.pub, files: checksums, attach: [none]}", "}")
	delete(r.env, "COSIGN_PASSWORD")
	err = r.open().Run(t.Context(), plan.Selection{Verb: "publish", Parts: plan.Verbs["publish"]})
	if err == nil || !strings.Contains(err.Error(), "set the environment variable COSIGN_PASSWORD") {
		t.Errorf("publish without a password: %v", err)
	}
	r.configure("sign: {key: cosign.key}", "sign: {key: cosign.key, public-key: cosign.pub, files: checksums, attach: [none]}")
	r.env["COSIGN_PASSWORD"] = "pass word"

	r.run("package", "bundles")
	entries, err := filepath.Glob(filepath.Join(r.dir, "dist", "artifacts", "*.sigstore.json"))
	if err != nil || len(entries) != 2 || filepath.Base(entries[0]) != "sha256sum-amd64.txt.sigstore.json" {
		t.Errorf("signatures %q, %v", entries, err)
	}

	// Without a public key, a run that signs nothing needs no password, but what verifies believes nobody else.
	r.configure(", public-key: cosign.pub", "")
	r.run("package", "bundles")
	delete(r.env, "COSIGN_PASSWORD")
	r.run("package", "bundles")
	if err := r.verify(); err == nil || !strings.Contains(err.Error(), "COSIGN_PASSWORD") {
		t.Errorf("verify without a key: %v", err)
	}
	testfile.Write(t, entries[0], "{}")
	fails("a signature to make, without a password", "COSIGN_PASSWORD")
}

// The signature of an image that artifacts.json does not list is not skipped.
func TestVerifyRefusesUnlistedSignedThings(t *testing.T) {
	r := signedRelease(t, "")
	r.run("package", "airgap")
	file := filepath.Join(r.dir, filepath.FromSlash(output.ReportFile))
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const ref = "acme-runtime:v1.2.3-acme1-linux-amd64"
	for what, c := range map[string]struct {
		keeps func(Made) bool
		want  string
	}{
		"an image": {func(m Made) bool { return !strings.HasSuffix(m.Ref, ref) }, ref + " is sha256:"},
		"all":      {func(Made) bool { return false }, "artifacts.json has nothing of this release, so that no signatures were verified"},
	} {
		var report Report
		if err := json.Unmarshal(raw, &report); err != nil {
			t.Fatal(err)
		}
		report.Made = slices.DeleteFunc(report.Made, func(m Made) bool { return !c.keeps(m) })
		changed, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		testfile.Write(t, file, string(changed))
		if err := r.verify(); err == nil || strings.Count(err.Error(), c.want) != 1 {
			t.Errorf("verify without %s in the report: %v, want %q once", what, err, c.want)
		}
	}
}
