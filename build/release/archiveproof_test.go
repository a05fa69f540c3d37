package release

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/policyfile"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/verify"
	attest "github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/statement"
)

// Archives of a release with provenance carry that of their images. Another run of CI makes the same archive.
func TestArchivesCarryProvenance(t *testing.T) {
	r := makeProvenRelease(t)
	r.env["CI_JOB_URL"], r.env["GITLAB_CI"] = "https://ci.example.com/1", "true"
	r.run("package")
	file := filepath.Join(r.dir, "dist", "artifacts", "acme-images-core.linux-amd64.tar.zst")
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a, err := airgap.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	p, err := attest.Read(t.Context(), a.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	if of := p.Content.Release; of == nil || of.Name != "acme" || len(of.Commit) != 40 {
		t.Errorf("the archive is of %+v", of)
	}
	img := p.Content.Images[0]
	i := slices.IndexFunc(img.Proof, func(i attest.Item) bool { return i.Kind == attest.Provenance })
	if i < 0 {
		t.Fatalf("the proof of %s is %+v", img.Names, img.Proof)
	}
	read := func(ctx context.Context) []byte {
		raw, err := a.ReadFile(ctx, attest.ItemFile(img.Proof[i].Digest), attest.MaxItem)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	s, err := statement.Read(read(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if !s.About(img.Registry.Manifest.String()) || bytes.Contains(s.Predicate, []byte("ci.example.com")) {
		t.Errorf("the provenance is about %+v: %s", s.Subjects, s.Predicate)
	}
	r.env["CI_JOB_URL"] = "https://ci.example.com/2"
	if err := os.RemoveAll(filepath.Join(r.dir, "dist")); err != nil {
		t.Fatal(err)
	}
	r.run("package")
	if second, err := os.ReadFile(file); err != nil || !bytes.Equal(first, second) {
		t.Errorf("another run makes another archive (%v)", err)
	}
}

// The archives of a signed release carry a signed statement of their content, from which release and commit it is.
func TestArchivesOfASignedRelease(t *testing.T) {
	r := signedRelease(t, "")
	r.run("package")
	file := filepath.Join(r.dir, "dist", "artifacts", "acme-images.linux-amd64.tar.zst")
	policy, err := policyfile.Choose("", []string{filepath.Join(r.dir, "cosign.pub")}, policyfile.Identity{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := verify.Archive(t.Context(), file, verify.Options{Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Problems) > 0 || len(report.Proof.SignedBy) != 1 {
		t.Fatalf("problems %q, signed by %+v", report.Problems, report.Proof.SignedBy)
	}
	if of := report.Proof.Release; of.Name != "acme" || of.Version != "v1.2.3+acme1" {
		t.Errorf("it is of %+v", of)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// The private key is not needed to verify an archive.
	if err := os.Rename(filepath.Join(r.dir, "cosign.key"), filepath.Join(r.dir, "away")); err != nil {
		t.Fatal(err)
	}
	if err := r.verify(); err != nil {
		t.Error(err)
	}
	if err := os.Rename(filepath.Join(r.dir, "away"), filepath.Join(r.dir, "cosign.key")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(r.dir, "dist", "artifacts")); err != nil {
		t.Fatal(err)
	}
	r.run("package")
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the archive was signed again with other bytes (%v)", err)
	}
	// The same archive without sign is another one, and verify of the signed release refuses it.
	r.configure("sign: {key: cosign.key, public-key: cosign.pub}\n", "")
	r.run("package")
	if after, err := os.ReadFile(file); err != nil || bytes.Equal(before, after) {
		t.Errorf("the proof is kept without sign (%v)", err)
	}
	r.configure("publish:\n", "sign: {key: cosign.key, public-key: cosign.pub}\npublish:\n")
	if err := r.verify(); err == nil || !strings.Contains(err.Error(), "it has no proof") {
		t.Errorf("verify of the signed release: %v", err)
	}
}
