package airgaptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
)

// Key is a private key, the same for each seed in every run.
func Key(t testing.TB, seed byte) *sign.PrivateKey {
	t.Helper()
	raw, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), slices.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	key, err := sign.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Attested is a document about an image in its registry, signed with a key: a signature as cosign makes it, or another
// statement.
func Attested(t testing.TB, key sign.Signer, kind proof.Kind, predicateType string, predicate any, digest string) proof.Attachment {
	t.Helper()
	subject, err := statement.NewSubject("", digest)
	if err != nil {
		t.Fatal(err)
	}
	s, err := statement.New(predicateType, predicate, subject)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := sign.SignEnvelope(t.Context(), key, statement.MediaType, raw)
	if err != nil {
		t.Fatal(err)
	}
	return proof.Attachment{Kind: kind, MediaType: sign.MediaType, Content: bundle}
}

// Registry are the digests by which the registry knows an image: its index, or its manifest if it has none.
func Registry(t testing.TB, img pack.Image) string {
	t.Helper()
	digest, err := img.Image.Digest()
	if img.Index != nil {
		digest, err = img.Index.Digest()
	}
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}
