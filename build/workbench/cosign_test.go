package workbench

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/servetest"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/imagetest"
)

// A cosign runs cosign with a key of its own, without any network but that to registries on this machine.
type cosign struct {
	program, dir string
}

func newCosign(t *testing.T) *cosign {
	t.Helper()
	c := &cosign{imagetest.Program(t, "cosign"), t.TempDir()}
	c.run(t, "generate-key-pair")
	// A signing configuration that names no transparency log and no timestamp authority.
	config := `{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}`
	if err := os.WriteFile(filepath.Join(c.dir, "signing.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cosign) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.program, args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "COSIGN_PASSWORD=secret", "HOME="+c.dir, "TUF_ROOT="+c.dir, "DOCKER_CONFIG="+c.dir)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	return output.String(), err
}

func (c *cosign) run(t *testing.T, args ...string) string {
	t.Helper()
	output, err := c.try(t, args...)
	if err != nil {
		t.Fatalf("cosign %q: %v\n%s", args, err, output)
	}
	return output
}

// sign signs an index and its images in both forms, and attests the index.
func (c *cosign) sign(t *testing.T, ref string) {
	t.Helper()
	bundle := []string{"--key", "cosign.key", "--signing-config", "signing.json", "--yes"}
	c.run(t, append([]string{"sign", "--recursive", ref}, bundle...)...)
	c.run(t, "sign", "--recursive", "--key", "cosign.key", "--use-signing-config=false", "--new-bundle-format=false", "--tlog-upload=false", "--yes", ref)
	if err := os.WriteFile(filepath.Join(c.dir, "predicate.json"), []byte(`{"x":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c.run(t, append([]string{"attest", "--predicate", "predicate.json", "--type", predicateType, ref}, bundle...)...)
}

const predicateType = "https://example.com/predicate"

// verify verifies what sign has signed. With children, it verifies the images of the index, too.
func (c *cosign) verify(t *testing.T, repo string, index v1.Hash, children ...v1.Hash) {
	t.Helper()
	for _, h := range append([]v1.Hash{index}, children...) {
		for _, form := range []string{"true", "false"} {
			if output, err := c.try(t, "verify", "--key", "cosign.pub", "--insecure-ignore-tlog", "--new-bundle-format="+form, repo+"@"+h.String()); err != nil {
				t.Errorf("%s@%s, new bundle format %s: %v\n%s", repo, h, form, err, output)
			}
		}
	}
	if output, err := c.try(t, "verify-attestation", "--key", "cosign.pub", "--insecure-ignore-tlog", "--type", predicateType, repo+"@"+index.String()); err != nil {
		t.Errorf("attestation of %s@%s: %v\n%s", repo, index, err, output)
	}
}

// verifyArchive verifies the image of an archive by the signatures that the registry had of it.
func (c *cosign) verifyArchive(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(c.dir, "cosign.pub"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := sign.ParsePublicKeys(raw)
	if err != nil {
		t.Fatal(err)
	}
	rule := policy.Rule{Repositories: []string{"*/**"}, Signers: []policy.Signer{{Name: "cosign", Keys: sign.Verifiers(keys...)}}, Predicates: []string{predicateType}}
	report, err := verify.Archive(t.Context(), path, verify.Options{Policy: &policy.Policy{Images: []policy.Rule{rule}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Problems) > 0 || report.Proof == nil {
		t.Errorf("%s: %q", path, report.Problems)
	}
}

// Cosign verifies an index and its images after each hop: from registry to registry, to a mirror
// by archives, from a server of these archives, and from that server to a registry.
func TestCosignVerifiesAfterEachHop(t *testing.T) {
	if testing.Short() {
		t.Skip("cosign is started about 50 times")
	}
	c := newCosign(t)
	hosts := map[string]func() string{
		"the API": func() string { return imagetest.ReferrersRegistry(t) },
		"tags":    func() string { return imagetest.DistributionRegistry(t) },
	}
	for first, second := range map[string]string{"the API": "tags", "tags": "the API"} {
		t.Run("from "+first+" to "+second, func(t *testing.T) {
			source, middle, mirror := hosts[first](), hosts[second](), hosts[first]()
			linux := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"app": "1"}))
			windows := imagetest.Image(t, "windows/amd64:10.0.20348.1", imagetest.Layer(t, imagetest.Files{"app.exe": "1"}))
			content := imagetest.Index(t, linux, windows)
			c.sign(t, imagetest.Push(t, source+"/acme/app:v1", content))
			var digests []v1.Hash
			for _, d := range []interface{ Digest() (v1.Hash, error) }{content, linux, windows} {
				h, err := d.Digest()
				if err != nil {
					t.Fatal(err)
				}
				digests = append(digests, h)
			}
			w := openForCopy(t)
			if _, err := w.Copy(t.Context(), CopyJob{Images: []PackSource{{Ref: source + "/acme/app:v1"}}, To: middle}); err != nil {
				t.Fatal(err)
			}
			c.verify(t, middle+"/acme/app", digests[0], digests[1:]...)
			if _, err := c.try(t, "verify", "--key", "cosign.pub", "--insecure-ignore-tlog", imagetest.Push(t, middle+"/acme/plain:v1", content)); err == nil {
				t.Error("cosign verifies an index without its signatures")
			}

			var archives []string
			for _, platform := range []string{"linux/amd64", "windows/amd64:10.0.20348.1"} {
				file := filepath.Join(t.TempDir(), "app.tar.zst")
				archives = append(archives, file)
				w := openFor(t, platform)
				if _, err := w.Pack(t.Context(), PackJob{Images: []PackSource{{Ref: middle + "/acme/app:v1"}}, Outputs: []string{file}, Layers: images.OriginalLayers, Level: images.BestZstd, Proof: true}); err != nil {
					t.Fatal(err)
				}
			}
			c.verifyArchive(t, archives[0])
			small := filepath.Join(t.TempDir(), "small.tar.zst")
			if _, err := openFor(t, "linux/amd64").Pack(t.Context(), PackJob{Images: []PackSource{{Ref: middle + "/acme/app:v1"}}, Outputs: []string{small}, Layers: images.UncompressedLayers, Level: images.FastestZstd, Proof: true}); err != nil {
				t.Fatal(err)
			}
			c.verifyArchive(t, small)
			pushed, err := w.PushArchives(t.Context(), PushJob{Archives: archives, Target: mirror})
			if err != nil {
				t.Fatal(err)
			}
			if len(pushed) != 1 || len(pushed[0].Attached) == 0 {
				t.Errorf("pushed %+v", pushed)
			}
			c.verify(t, mirror+"/acme/app", digests[0], digests[1:]...)

			served := servetest.Archives(t, archives...)
			c.verify(t, served+"/acme/app", digests[0], digests[1:]...)
			last := hosts[second]()
			if _, err := w.Copy(t.Context(), CopyJob{Images: []PackSource{{Ref: served + "/acme/app:v1"}}, To: last}); err != nil {
				t.Fatal(err)
			}
			c.verify(t, last+"/acme/app", digests[0], digests[1:]...)
		})
	}
}
