package verify

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/keyless"
	"github.com/slipway-build/slipway/images/attest/keyless/certify"
	"github.com/slipway-build/slipway/images/attest/keyless/keylesstest"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
)

// An archive contains no signature of an identity; it is beside the archive.
func TestSignaturesBesideArchives(t *testing.T) {
	services := keylesstest.Start(t)
	root, err := keyless.ParseRoot(services.Root("tsa"))
	if err != nil {
		t.Fatal(err)
	}
	by := func(subject string) *policy.Policy {
		v, err := root.Verifier(keyless.Identity{Subject: subject, Issuer: keylesstest.Issuer})
		if err != nil {
			t.Fatal(err)
		}
		return policy.Vouched(policy.Signer{Name: "ci", Keys: []sign.Verifier{v}})
	}
	signer, err := certify.NewSigner(certify.Options{Fulcio: services.Fulcio, TSA: services.TSA,
		Token: func(context.Context) (string, error) { return keylesstest.Token(time.Hour), nil }})
	if err != nil {
		t.Fatal(err)
	}
	packed := func(name string, p *pack.Proof) string {
		path := filepath.Join(t.TempDir(), "images.tar.zst")
		app := airgaptest.Simple(t, name, "linux/amd64")
		if _, err := pack.Write(t.Context(), airgaptest.NewStore(t), []pack.Image{app}, []pack.Output{{Path: path}}, pack.Options{Layers: "original", Proof: p}); err != nil {
			t.Fatal(err)
		}
		return path
	}
	archive, other, unproven := packed("acme/app:v1", &pack.Proof{}), packed("acme/other:v1", &pack.Proof{}), packed("acme/app:v1", nil)
	for _, path := range []string{archive, unproven} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bundle, err := sign.SignMessage(t.Context(), signer, sign.File(path, sha256.Sum256(content)))
		if err != nil {
			t.Fatal(err)
		}
		beside := []string{path}
		if path == archive {
			beside = append(beside, other)
		}
		for _, of := range beside {
			if err := os.WriteFile(of+".sigstore.json", bundle, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		path    string
		subject string
		want    string // a problem
	}{
		"signed":          {archive, keylesstest.Subject, ""},
		"by another":      {archive, "other@example.com", "images.tar.zst.sigstore.json: it is signed by releases@example.com"},
		"another archive": {other, keylesstest.Subject, "the signature does not match"},
		"without a proof": {unproven, keylesstest.Subject, "it has no proof"},
		"without any":     {packed("acme/app:v1", &pack.Proof{}), keylesstest.Subject, "its content statement is not signed"},
		"compressed anew": {airgaptest.Foreign(t, archive, format.Zstd), keylesstest.Subject, "its content statement is not signed"},
		"signed by a key": {packed("acme/app:v1", &pack.Proof{Sign: proof.SignWith(airgaptest.Key(t, 1))}), keylesstest.Subject, "it is signed with a key, not by an identity"},
	} {
		r, err := Archive(t.Context(), c.path, Options{Policy: by(c.subject)})
		if err != nil {
			t.Fatal(err)
		}
		problems := strings.Join(r.Problems, "\n")
		if c.want == "" && (problems != "" || r.Proof.SignedBy[0].Signer != "ci" || len(r.Proof.Images) != 1) || c.want != "" && !strings.Contains(problems, c.want) {
			t.Errorf("%s: problems %q, want %q", name, problems, c.want)
		}
	}
}
