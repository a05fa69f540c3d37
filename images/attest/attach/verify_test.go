package attach_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/attest/attach"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
)

// A registry's artifacts are judged as those of an archive are: an attestation is no signature, and signed JSON of
// another type proves nothing.
func TestVerify(t *testing.T) {
	key := airgaptest.Key(t, 1)
	der, err := x509.MarshalPKIXPublicKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)).Public())
	if err != nil {
		t.Fatal(err)
	}
	read, err := sign.ParsePublicKeys(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	if err != nil {
		t.Fatal(err)
	}
	keys := sign.Verifiers(append(read, key.PublicKey())...) // the first one does not verify digests
	subject := []byte(`{"schemaVersion":2}`)
	digest := proof.Attachment{Content: subject}.Digest()
	made := func(image v1.Image, err error) v1.Image {
		if err != nil {
			t.Fatal(err)
		}
		return image
	}
	referrer := func(predicateType string, predicate any) v1.Image {
		bundle := airgaptest.Attested(t, key, proof.Signature, predicateType, predicate, digest.String()).Content
		return made(attach.Referrer(v1.Descriptor{Digest: digest}, bundle, predicateType))
	}
	message, err := sign.SignMessage(t.Context(), key, sign.Bytes(subject))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := attach.Payload(name.MustParseReference("acme/app").Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	simple := func(payload []byte) v1.Image {
		raw, err := sign.SignMessage(t.Context(), key, sign.Bytes(payload))
		if err != nil {
			t.Fatal(err)
		}
		b, err := sign.ParseBundle(raw)
		if err != nil {
			t.Fatal(err)
		}
		return made(attach.Signature(payload, b.Signature()))
	}
	for _, c := range []struct {
		name      string
		of        v1.Image
		keys      []sign.Verifier
		signature bool
		want      string // of the error
	}{
		{"cosign's statement", referrer(attach.SignaturePredicate, map[string]any{}), keys, true, ""},
		{"a failed verification", referrer(statement.VerificationSummary, map[string]any{"verificationResult": "FAILED"}), keys, false, ""},
		{"a message", made(attach.Referrer(v1.Descriptor{Digest: digest}, message, "")), keys, true, ""},
		{"a message without a key", made(attach.Referrer(v1.Descriptor{Digest: digest}, message, "")), nil, false, "missing public key"},
		{"simple signing", simple(payload), keys, true, ""},
		{"simple signing of another type", simple(bytes.Replace(payload, []byte("container image"), []byte("blob"), 1)), keys, false, "its payload is a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := attach.Verify(t.Context(), digest, c.of, c.keys)
			switch {
			case c.want != "":
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want %q", err, c.want)
				}
			case err != nil || len(found) != 1:
				t.Errorf("found %v (%v)", found, err)
			case found[0].IsSignature() != c.signature:
				t.Errorf("it is a signature: %t, want %t", !c.signature, c.signature)
			}
		})
	}
}
