package sign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	dssepb "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"google.golang.org/protobuf/encoding/protojson"
)

// MediaType is that of the bundles that this package makes, and the artifact type of a referrer that holds one.
const MediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// A Signer signs messages with one key.
type Signer interface {
	// PublicKey returns the key that verifies the signatures.
	PublicKey() *PublicKey
	// sign signs m by the scheme of the key. input is that of m.
	sign(ctx context.Context, m Message, input []byte) ([]byte, error)
}

// A Completer is a Signer whose bundles name no key, but a certificate.
type Completer interface {
	// Complete sets the verification material of a bundle that has the signature.
	Complete(ctx context.Context, b *bundlepb.Bundle, signature []byte) error
}

// SignMessage returns a bundle with a message signature, as "cosign sign-blob --bundle" makes it.
func SignMessage(ctx context.Context, signer Signer, m Message) ([]byte, error) {
	signature, err := signed(ctx, signer, m)
	if err != nil {
		return nil, err
	}
	return complete(ctx, signer, signature, &bundlepb.Bundle{Content: &bundlepb.Bundle_MessageSignature{MessageSignature: &common.MessageSignature{
		MessageDigest: &common.HashOutput{Algorithm: common.HashAlgorithm_SHA2_256, Digest: m.digest[:]},
		Signature:     signature,
	}}})
}

// SignEnvelope returns a bundle with an envelope of payload, as "cosign attest" makes it.
func SignEnvelope(ctx context.Context, signer Signer, payloadType string, payload []byte) ([]byte, error) {
	signature, err := signed(ctx, signer, Enveloped(payloadType, payload))
	if err != nil {
		return nil, err
	}
	return complete(ctx, signer, signature, enveloped(payloadType, payload, signature))
}

// Enveloped returns the message that is signed if payload is in an envelope.
func Enveloped(payloadType string, payload []byte) Message {
	return Bytes(dsse.PAE(payloadType, payload))
}

// EncodeEnvelope returns the bundle of a signature over payload in an envelope, as SignEnvelope does. hint is that of the key.
func EncodeEnvelope(hint, payloadType string, payload, signature []byte) ([]byte, error) {
	return encode(hint, enveloped(payloadType, payload, signature))
}

func enveloped(payloadType string, payload, signature []byte) *bundlepb.Bundle {
	return &bundlepb.Bundle{Content: &bundlepb.Bundle_DsseEnvelope{DsseEnvelope: &dssepb.Envelope{
		Payload:     payload,
		PayloadType: payloadType,
		Signatures:  []*dssepb.Signature{{Sig: signature}},
	}}}
}

// signed returns the signature of m.
func signed(ctx context.Context, signer Signer, m Message) ([]byte, error) {
	input, err := m.input(ctx, signer.PublicKey().scheme())
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	signature, err := signer.sign(ctx, m, input)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return signature, nil
}

// complete returns the JSON form of a bundle of signer.
func complete(ctx context.Context, signer Signer, signature []byte, b *bundlepb.Bundle) ([]byte, error) {
	c, ok := signer.(Completer)
	if !ok {
		return encode(signer.PublicKey().Hint(), b)
	}
	b.MediaType = MediaType
	if err := c.Complete(ctx, b, signature); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return marshal(b)
}

// encode returns the JSON form of a bundle that the key with a hint verifies.
func encode(hint string, b *bundlepb.Bundle) ([]byte, error) {
	b.MediaType = MediaType
	b.VerificationMaterial = &bundlepb.VerificationMaterial{Content: &bundlepb.VerificationMaterial_PublicKey{
		PublicKey: &common.PublicKeyIdentifier{Hint: hint},
	}}
	return marshal(b)
}

// marshal returns the JSON form of a bundle. Its bytes are the same each time: protojson varies only white space, which
// Compact removes.
func marshal(b *bundlepb.Bundle) ([]byte, error) {
	raw, err := protojson.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encoding a bundle: %w", err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return nil, fmt.Errorf("encoding a bundle: %w", err)
	}
	return compact.Bytes(), nil
}
