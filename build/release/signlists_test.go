package release

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/workbench/signatures"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// The images of lists below the repository of a destination are signed there, by the digests in the archives, with their
// indexes and all images of these. Others are not.
func TestImagesOfListsAreSigned(t *testing.T) {
	r := hsmRelease(t)
	text, err := os.ReadFile(filepath.Join(r.dir, "release.pub"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := sign.ParsePublicKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	r.configure("attach: [referrers, tags]", "lists: true, attach: [referrers, tags]")
	mirrored, near := r.registry+"/team/mirrored/pause:3.10", r.registry+"/teams/pause:3.10"
	for i, ref := range []string{mirrored, near} {
		imagetest.Push(t, ref, imagetest.Index(t,
			imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, uint64(10*i+1), 1000)),
			imagetest.Image(t, "linux/arm64", imagetest.RandomLayer(t, uint64(10*i+2), 1000))))
	}
	testfile.Write(t, filepath.Join(r.dir, "images.txt"), r.other+"/tools/pause:3.10\n"+mirrored+"\n"+near+"\n")
	r.run("package")

	// The tag moves: what is in the archives is signed.
	packed := remoteDigest(t, mirrored)
	imagetest.Push(t, mirrored, imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 99, 1000))))
	key := r.env["SIGNER_KEY"]
	r.env["SIGNER_KEY"] = "none"
	if err := r.try(r.open(), "publish", "images"); err == nil || !strings.Contains(err.Error(), "signing images of lists: ") {
		t.Errorf("publish with a signer that fails: %v", err)
	}
	r.env["SIGNER_KEY"] = key
	b := r.run("publish")
	verify := func(ref string) []signatures.SignedImage {
		t.Helper()
		signed, err := signatures.VerifyImages(t.Context(), b.bench, signatures.VerifyJob{Refs: []string{ref}, Trusted: sign.Verifiers(public...), Recursive: true})
		if err != nil {
			t.Error(err)
		}
		return signed
	}
	signed := verify(r.registry + "/team/mirrored/pause@" + packed)
	if n := len(signed[0].Signatures); n != 6 {
		t.Errorf("%d signatures of an index and its two images in two forms, want 6", n)
	}
	published := 0
	for _, m := range b.Result(plan.Selection{Verb: "publish"}).Made {
		if m.Kind == "signature" && strings.Contains(m.Ref, "/team/mirrored/pause") {
			published++
		}
	}
	if published != 6 {
		t.Errorf("%d signatures are reported, want 6", published)
	}
	for _, ref := range []string{mirrored, near, r.other + "/tools/pause:3.10"} {
		if _, err := signatures.VerifyImages(t.Context(), b.bench, signatures.VerifyJob{Refs: []string{ref}, Trusted: sign.Verifiers(public...)}); err == nil || !strings.Contains(err.Error(), "missing signature") {
			t.Errorf("%s: %v", ref, err)
		}
	}

	// The list of Windows has own images only. A run for Windows alone has nothing to sign, which is no error.
	windows := r.open(system("windows"))
	r.do(windows, "publish", "images")
	for _, m := range windows.Result(plan.Selection{Verb: "publish"}).Made {
		if strings.Contains(m.Ref, "/team/mirrored/") {
			t.Errorf("a run for Windows publishes %s", m.Ref)
		}
	}

	// This key makes another signature each time.
	b = r.run("publish")
	if again := verify(r.registry + "/team/mirrored/pause@" + packed); len(again[0].Signatures) != 6 {
		t.Errorf("%d signatures after a second publication", len(again[0].Signatures))
	}
}

func TestImagesOfListsThatCannotBeSigned(t *testing.T) {
	r := signedRelease(t, ", lists: true")
	r.run("package")
	if err := r.try(r.open(), "publish", "images"); err == nil || !strings.Contains(err.Error(), "slipway.yaml:") ||
		!strings.Contains(err.Error(), "sign.lists: no destination has an image of the lists ("+r.other+"/tools/pause:3.10)") {
		t.Errorf("images of other registries: %v", err)
	}
	mirrored := r.registry + "/team/pause:3.10"
	imagetest.Push(t, mirrored, imagetest.Index(t, imagetest.Image(t, "linux/amd64"), imagetest.Image(t, "linux/arm64")))
	testfile.Write(t, filepath.Join(r.dir, "images.txt"), mirrored+"\n")
	r.run("package")
	delete(r.env, "COSIGN_PASSWORD")
	if err := r.try(r.open(), "publish", "images"); err == nil || !strings.Contains(err.Error(), "slipway.yaml:") || !strings.Contains(err.Error(), "set the environment variable COSIGN_PASSWORD") {
		t.Errorf("without a password: %v", err)
	}
	r.env["COSIGN_PASSWORD"] = "pass word"
	ref, err := name.ParseReference(r.registry + "/team/pause@" + remoteDigest(t, mirrored))
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Delete(ref); err != nil {
		t.Fatal(err)
	}
	if err := r.try(r.open(), "publish", "images"); err == nil || !strings.Contains(err.Error(), ref.String()+", but the registry does not have it any more") {
		t.Errorf("an image that was deleted: %v", err)
	}
	index, err := name.ParseReference(r.registry + "/team/acme-runtime:v1.2.3-acme1-linux-amd64")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Head(index); err == nil {
		t.Error("images were pushed before the errors were found")
	}
}

// remoteDigest returns the digest of a tag in a registry.
func remoteDigest(t *testing.T, text string) string {
	t.Helper()
	ref, err := name.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	d, err := remote.Head(ref)
	if err != nil {
		t.Fatal(err)
	}
	return d.Digest.String()
}
