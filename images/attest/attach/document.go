package attach

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
)

// A Document is what a registry or an archive has beside an image: a bundle, an envelope, or a message of simple signing.
type Document struct {
	MediaType   string
	Annotations map[string]string
	Content     []byte
}

// A Subject is a manifest or an index that a document may be about.
type Subject struct {
	Digest v1.Hash
	// Content is nil if only the digest is known.
	Content []byte
}

func (s Subject) message() (sign.Message, error) {
	if s.Content != nil {
		return sign.Bytes(s.Content), nil
	}
	digest, err := hex.DecodeString(s.Digest.Hex)
	if err != nil || s.Digest.Algorithm != "sha256" || len(digest) != sha256.Size {
		return sign.Message{}, fmt.Errorf("%s is not a SHA-256", s.Digest)
	}
	return sign.Digest([sha256.Size]byte(digest)), nil
}

// A Verified is a signature or attestation that a key has signed.
type Verified struct {
	// Key is who signed it.
	Key sign.Verifier
	// Subjects are those that it is about, in the order in which they were given.
	Subjects []Subject
	// Statement is nil for a signature over bytes.
	Statement *statement.Statement
}

// SignaturePredicate is the predicate type of a statement that says no more than that its subject was signed, as
// "cosign sign" makes it.
const SignaturePredicate = "https://sigstore.dev/cosign/sign/v1"

// PredicateType returns that of the statement, or SignaturePredicate for a signature over bytes.
func (v *Verified) PredicateType() string {
	if v.Statement == nil {
		return SignaturePredicate
	}
	return v.Statement.PredicateType
}

// IsSignature reports whether v is a signature of its subjects: a signature over bytes, or a statement with
// SignaturePredicate. An attestation is none, since it may say that its subject is bad.
func (v *Verified) IsSignature() bool { return v.PredicateType() == SignaturePredicate }

// ErrOtherContent means that an artifact has neither a bundle nor a signature.
var ErrOtherContent = errors.New("neither a Sigstore bundle nor a signature of cosign")

// bundleTypes begins the media types of bundles, of all versions.
const bundleTypes = "application/vnd.dev.sigstore.bundle"

// isKnown reports whether Verify knows a media type.
func isKnown(mediaType string) bool {
	return strings.HasPrefix(mediaType, bundleTypes) || mediaType == sign.DSSEEnvelope || mediaType == sign.SimpleSigning
}

// Verify returns what the document proves of at least one of the subjects. If one of the keys has signed the document,
// but the document is not valid or is about something else, Verify returns the key together with an error. A document
// of another kind is ErrOtherContent.
func (d Document) Verify(ctx context.Context, keys []sign.Verifier, subjects ...Subject) (Verified, error) {
	var b *sign.Bundle
	var err error
	switch {
	case !isKnown(d.MediaType):
		return Verified{}, ErrOtherContent
	case d.MediaType == sign.SimpleSigning:
		return d.verifySimple(ctx, keys, subjects)
	case d.MediaType == sign.DSSEEnvelope:
		if b, err = sign.ParseEnvelope(d.Content); err == nil {
			err = b.AddAnnotations(d.Annotations)
		}
	default:
		b, err = sign.ParseBundle(d.Content)
	}
	if err != nil {
		return Verified{}, err
	}
	if !b.IsEnvelope() {
		return verifyMessage(ctx, b, keys, subjects)
	}
	claim, key, err := VerifyStatement(ctx, b, keys)
	v := Verified{Key: key, Statement: claim}
	if err != nil {
		return v, err
	}
	return v.about(subjects, func(s Subject) bool { return claim.About(s.Digest.String()) }, "its statement is not about")
}

// about sets the subjects that v is about.
func (v Verified) about(subjects []Subject, is func(Subject) bool, not string) (Verified, error) {
	var digests []string
	for _, s := range subjects {
		if is(s) {
			v.Subjects = append(v.Subjects, s)
		}
		digests = append(digests, s.Digest.String())
	}
	if len(v.Subjects) == 0 {
		return v, fmt.Errorf("%s %s", not, strings.Join(digests, " or "))
	}
	return v, nil
}

// VerifyStatement returns the statement in the envelope of a bundle, and the key that signed it. The caller checks what
// the statement is about.
func VerifyStatement(ctx context.Context, bundle *sign.Bundle, keys []sign.Verifier) (*statement.Statement, sign.Verifier, error) {
	e, err := bundle.VerifyEnvelope(ctx, keys)
	if err != nil {
		return nil, nil, err
	}
	if e.PayloadType != statement.MediaType {
		return nil, e.Signer, fmt.Errorf("its payload is %q, want %q", e.PayloadType, statement.MediaType)
	}
	claim, err := statement.Read(e.Payload)
	return claim, e.Signer, err
}

// verifyMessage verifies a signature over the bytes of a subject. It tries each key by itself: those that need the bytes
// fail if only the digest is known.
func verifyMessage(ctx context.Context, b *sign.Bundle, trusted []sign.Verifier, subjects []Subject) (Verified, error) {
	if len(trusted) == 0 || len(subjects) == 0 {
		return Verified{}, errors.New("missing public key or subject")
	}
	var errs []error
	for _, s := range subjects {
		m, err := s.message()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, k := range trusted {
			by, err := b.VerifyMessage(ctx, m, []sign.Verifier{k})
			if err != nil {
				errs = append(errs, err)
				continue
			}
			return Verified{Key: by, Subjects: []Subject{s}}, nil
		}
	}
	return Verified{}, errors.Join(errs...)
}

func (d Document) verifySimple(ctx context.Context, keys []sign.Verifier, subjects []Subject) (Verified, error) {
	signature, err := base64.StdEncoding.DecodeString(d.Annotations[sign.SimpleSignature])
	if err != nil {
		return Verified{}, fmt.Errorf("its annotation %s is not base64", sign.SimpleSignature)
	}
	b := sign.NewMessageSignature(signature)
	if err := b.AddAnnotations(d.Annotations); err != nil {
		return Verified{}, err
	}
	v := Verified{}
	if v.Key, err = b.VerifyMessage(ctx, sign.Bytes(d.Content), keys); err != nil {
		return Verified{}, err
	}
	var signed simplePayload
	if err := jsonv2.Unmarshal(d.Content, &signed); err != nil {
		return v, fmt.Errorf("invalid payload: %w", err)
	}
	if signed.Critical.Type != simpleType {
		return v, fmt.Errorf("its payload is a %q, want %q", signed.Critical.Type, simpleType)
	}
	of := signed.Critical.Image.Digest
	return v.about(subjects, func(s Subject) bool { return s.Digest.String() == of }, fmt.Sprintf("its payload is of %q, not of", of))
}
