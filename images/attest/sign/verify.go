package sign

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// maxBundle is the size of the largest bundle that is read. The bundle of a large image's SBOM has some MB.
const maxBundle = 64 << 20

// A Bundle is a bundle that was read but not verified.
type Bundle struct {
	content *bundlepb.Bundle
}

// A Verifier is one whose signatures are accepted: the owner of a PublicKey, or an identity of package keyless.
type Verifier interface {
	// Hint is that of a public key, or identifies an identity and its trusted root. Different verifiers have different
	// hints.
	Hint() string
	// String describes the verifier for people: the hint of a public key, or a subject and its issuer.
	String() string
	// Verify returns an error unless the signature of b is one of m by the verifier. The result has the hint of the
	// verifier, and describes who has signed: the verifier may accept several subjects.
	Verify(ctx context.Context, b *Bundle, m Message) (Verifier, error)
}

// An Envelope is the content of a verified envelope.
type Envelope struct {
	PayloadType string
	Payload     []byte
	// Signer is who signed it, as Verifier.Verify returns it.
	Signer Verifier
}

// ParseBundle reads a bundle of version 0.1 to 0.3, as JSON. It refuses unknown and duplicate members, and bundles with
// no signature or several.
func ParseBundle(raw []byte) (*Bundle, error) {
	if len(raw) > maxBundle {
		return nil, fmt.Errorf("invalid bundle: it has %d bytes, more than %d", len(raw), maxBundle)
	}
	b := &Bundle{new(bundlepb.Bundle)}
	if err := (protojson.UnmarshalOptions{RecursionLimit: 32}).Unmarshal(raw, b.content); err != nil {
		return nil, fmt.Errorf("invalid bundle: %w", err)
	}
	switch mediaType := b.content.GetMediaType(); mediaType {
	case MediaType, "application/vnd.dev.sigstore.bundle+json;version=0.3", "application/vnd.dev.sigstore.bundle+json;version=0.2",
		"application/vnd.dev.sigstore.bundle+json;version=0.1":
	default:
		return nil, fmt.Errorf("invalid bundle: media type %q, want %q", mediaType, MediaType)
	}
	switch {
	case b.content.GetDsseEnvelope() != nil:
		if n := len(b.content.GetDsseEnvelope().GetSignatures()); n != 1 {
			return nil, fmt.Errorf("invalid bundle: its envelope has %d signatures, want 1", n)
		}
	case b.content.GetMessageSignature() == nil:
		return nil, errors.New("invalid bundle: neither an envelope nor a message signature")
	}
	return b, nil
}

// Hint returns the hint of the key that the bundle claims to be signed with, or "" if it names a certificate. It is not
// signed: use it for messages only.
func (b *Bundle) Hint() string {
	return b.content.GetVerificationMaterial().GetPublicKey().GetHint()
}

// CheckForm returns an error unless raw, the bytes of b, is the bundle that SignEnvelope makes of payload: with nothing
// added, and with one spelling. All that is not signed then is the hint of the key.
func (b *Bundle) CheckForm(raw []byte, payloadType string, payload []byte) error {
	e := b.content.GetDsseEnvelope()
	switch {
	case e == nil:
		return errNoEnvelope
	case e.GetPayloadType() != payloadType:
		return fmt.Errorf("it signs a %q, want a %q", e.GetPayloadType(), payloadType)
	case !bytes.Equal(e.GetPayload(), payload):
		return errors.New("it signs other content")
	}
	own, err := EncodeEnvelope(b.Hint(), payloadType, payload, b.Signature())
	if err == nil && !bytes.Equal(own, raw) {
		err = errors.New("the bundle has something that is not signed")
	}
	return err
}

// Content returns the bundle as it was read. It must not be changed.
func (b *Bundle) Content() *bundlepb.Bundle { return b.content }

// IsEnvelope reports whether b has an envelope rather than a message signature.
func (b *Bundle) IsEnvelope() bool { return b.content.GetDsseEnvelope() != nil }

// Signature returns the bytes of the signature.
func (b *Bundle) Signature() []byte {
	if e := b.content.GetDsseEnvelope(); e != nil {
		return e.GetSignatures()[0].GetSig()
	}
	return b.content.GetMessageSignature().GetSignature()
}

var errNoEnvelope = errors.New("the bundle has a message signature, want an envelope")

// VerifyEnvelope returns the content of the envelope that one of the verifiers has signed.
func (b *Bundle) VerifyEnvelope(ctx context.Context, trusted []Verifier) (*Envelope, error) {
	e := b.content.GetDsseEnvelope()
	if e == nil {
		return nil, errNoEnvelope
	}
	signer, err := b.verify(ctx, Enveloped(e.GetPayloadType(), e.GetPayload()), trusted)
	if err != nil {
		return nil, err
	}
	return &Envelope{e.GetPayloadType(), e.GetPayload(), signer}, nil
}

// VerifyMessage checks that one of the verifiers has signed m, and returns who did, as Verifier.Verify does.
func (b *Bundle) VerifyMessage(ctx context.Context, m Message, trusted []Verifier) (Verifier, error) {
	if b.content.GetMessageSignature() == nil {
		return nil, errors.New("the bundle has an envelope, want a message signature")
	}
	return b.verify(ctx, m, trusted)
}

// verify returns who signed m, by the first verifier that accepts it. The bundle's digest and hint are not signed, and therefore not used.
// It reads the message once for each hash.
func (b *Bundle) verify(ctx context.Context, m Message, trusted []Verifier) (Verifier, error) {
	if len(trusted) == 0 {
		return nil, errors.New("missing public key or identity")
	}
	var (
		keys []string
		errs []error
	)
	m.inputs = map[crypto.Hash]input{}
	for _, v := range trusted {
		by, err := v.Verify(ctx, b, m)
		switch {
		case err == nil:
			return by, nil
		case err == errSignature:
			keys = append(keys, v.Hint())
		case !slices.ContainsFunc(errs, func(e error) bool { return e.Error() == err.Error() }):
			errs = append(errs, err)
		}
	}
	if len(keys) > 0 {
		err := fmt.Errorf("%w key %s", errSignature, strings.Join(keys, " or "))
		if hint := b.Hint(); hint != "" {
			err = fmt.Errorf("%w; the bundle names key %q", err, hint)
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}
