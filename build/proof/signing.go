package proof

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/attach"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/images/attest/keyless/certify"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/internal/regular"
)

// A Signing makes the signatures of a release. It reads the private key for the first signature that it has to make, or
// if it does not know the public key otherwise: decrypting one takes a tenth of a second. An identity token is needed
// for the first signature, too.
type Signing struct {
	signer  func() (sign.Signer, error)
	trusted []sign.Verifier
}

// NewSigning returns a signing.
func NewSigning(ctx context.Context, from KeySource) (*Signing, error) {
	if from.Keyless != nil {
		trusted, err := from.Trusted()
		if err != nil {
			return nil, &KeyError{err}
		}
		return &Signing{sync.OnceValues(from.Signer), trusted}, nil
	}
	key, id, err := from.recall(ctx)
	if err == nil && from.PublicKey != "" {
		key, err = from.Public()
	}
	if err != nil {
		return nil, &KeyError{err}
	}
	signing := &Signing{trusted: sign.Verifiers(key)}
	signing.signer = sync.OnceValues(func() (sign.Signer, error) {
		signer, err := from.Signer()
		if err == nil && key != nil && signer.PublicKey().Hint() != key.Hint() {
			err = fmt.Errorf("the cache has another public key than that of private key %s: empty the cache", from.Key)
		}
		if err != nil {
			return nil, &KeyError{err}
		}
		return signer, nil
	})
	if key != nil {
		return signing, nil
	}
	signer, err := signing.signer()
	if err != nil {
		return nil, err
	}
	signing.trusted = sign.Verifiers(signer.PublicKey())
	return signing, from.remember(id, signer.PublicKey())
}

// Verifier returns what accepts the signatures: the public key, or the identity.
func (s *Signing) Verifier() sign.Verifier { return s.trusted[0] }

// Check reads the private key, or gets a certificate, for callers that must know before they begin whether they can sign.
// The error is a *KeyError.
func (s *Signing) Check(ctx context.Context) error {
	signer, err := s.signer()
	if c, ok := signer.(*certify.Signer); err == nil && ok {
		if err = c.Check(ctx); err != nil {
			return &KeyError{err}
		}
	}
	return err
}

// message signs a message.
func (s *Signing) message(ctx context.Context, m sign.Message) ([]byte, error) {
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	raw, err := sign.SignMessage(ctx, signer, m)
	return s.accepted(signer, raw, err, func(b *sign.Bundle) error {
		_, err := b.VerifyMessage(ctx, m, s.trusted)
		return err
	})
}

// Statement signs the bytes of a statement. The bundle contains them.
func (s *Signing) Statement(ctx context.Context, made []byte) ([]byte, error) {
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	raw, err := sign.SignEnvelope(ctx, signer, statement.MediaType, made)
	return s.accepted(signer, raw, err, func(b *sign.Bundle) error {
		_, err := b.VerifyEnvelope(ctx, s.trusted)
		return err
	})
}

// accepted returns a new signature. One with a certificate is verified first: the token may be of another identity, and
// the services may not be those of the trusted root. Its errors are those of the services, so they are the same for all.
func (s *Signing) accepted(signer sign.Signer, raw []byte, err error, verify func(*sign.Bundle) error) ([]byte, error) {
	if _, certified := signer.(sign.Completer); !certified {
		return raw, err
	}
	if err == nil {
		var b *sign.Bundle
		if b, err = sign.ParseBundle(raw); err == nil {
			err = verify(b)
		}
	}
	if err != nil {
		return nil, &KeyError{err}
	}
	return raw, nil
}

// A KeyError means that a key cannot be used, or that there is no certificate for an identity. It is the same for
// everything that is to be signed.
type KeyError struct{ err error }

func (e *KeyError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *KeyError) Unwrap() error { return e.err }

// File returns the signature of a file: the one in the file bundle if it exists and is valid, since not all keys make the same
// signature twice, or else a new one.
func (s *Signing) File(ctx context.Context, file string, digest v1.Hash, bundle string) ([]byte, error) {
	if raw, err := regular.ReadFile(bundle); err == nil {
		if _, err := verifyFile(ctx, file, digest, raw, s.trusted); err == nil {
			return raw, nil
		}
	}
	m, err := message(file, digest)
	if err != nil {
		return nil, err
	}
	return s.message(ctx, m)
}

// Image returns the signature of an image or index, as File does for a file.
func (s *Signing) Image(ctx context.Context, digest v1.Hash, bundle string) ([]byte, error) {
	if raw, err := regular.ReadFile(bundle); err == nil && verifyImage(ctx, digest, raw, s.trusted) == nil {
		return raw, nil
	}
	subject, err := statement.NewSubject("", digest.String())
	if err != nil {
		return nil, err
	}
	claim, err := statement.New(attach.SignaturePredicate, struct{}{}, subject)
	if err != nil {
		return nil, err
	}
	payload, err := claim.Encode()
	if err != nil {
		return nil, err
	}
	return s.Statement(ctx, payload)
}

// Simple returns the signature of an image in the older form: a bundle with a message signature of attach.Payload.
func (s *Signing) Simple(ctx context.Context, repository name.Repository, digest v1.Hash, bundle string) ([]byte, error) {
	if raw, err := regular.ReadFile(bundle); err == nil {
		if _, _, err := verifySimple(ctx, repository, digest, raw, s.trusted); err == nil {
			return raw, nil
		}
	}
	payload, err := attach.Payload(repository, digest)
	if err != nil {
		return nil, err
	}
	return s.message(ctx, sign.Bytes(payload))
}

// VerifyFile checks the signature of a file in the file bundle, and returns who made it.
func VerifyFile(ctx context.Context, file string, digest v1.Hash, bundle string, trusted []sign.Verifier) (sign.Verifier, error) {
	raw, err := readBundle(bundle)
	var signer sign.Verifier
	if err == nil {
		signer, err = verifyFile(ctx, file, digest, raw, trusted)
	}
	if err != nil {
		return nil, fmt.Errorf("signature of %s: %w", file, err)
	}
	return signer, nil
}

func verifyFile(ctx context.Context, file string, digest v1.Hash, raw []byte, trusted []sign.Verifier) (sign.Verifier, error) {
	b, err := sign.ParseBundle(raw)
	if err != nil {
		return nil, err
	}
	m, err := message(file, digest)
	if err != nil {
		return nil, err
	}
	return b.VerifyMessage(ctx, m, trusted)
}

// verifyImage checks the signature of an image or index.
func verifyImage(ctx context.Context, digest v1.Hash, bundle []byte, trusted []sign.Verifier) error {
	b, err := sign.ParseBundle(bundle)
	if err != nil {
		return err
	}
	claim, _, err := attach.VerifyStatement(ctx, b, trusted)
	if err != nil {
		return err
	}
	if claim.PredicateType != attach.SignaturePredicate {
		return fmt.Errorf("the statement has predicate type %s, want %s", claim.PredicateType, attach.SignaturePredicate)
	}
	if !claim.About(digest.String()) {
		return fmt.Errorf("the statement is not about %s", digest)
	}
	return nil
}

// verifySimple checks the signature of an image in the older form. It returns what was signed, and the signature.
func verifySimple(ctx context.Context, repository name.Repository, digest v1.Hash, bundle []byte, trusted []sign.Verifier) (payload, signature []byte, err error) {
	b, err := sign.ParseBundle(bundle)
	if err != nil {
		return nil, nil, err
	}
	if payload, err = attach.Payload(repository, digest); err != nil {
		return nil, nil, err
	}
	_, err = b.VerifyMessage(ctx, sign.Bytes(payload), trusted)
	return payload, b.Signature(), err
}

// NewAttachment returns what a registry gets for the signature of subject in the file bundle, after it has verified the
// signature. repository is the one that a signature in the older form was made for.
func NewAttachment(ctx context.Context, repository name.Repository, subject v1.Descriptor, bundle string, simple bool, trusted []sign.Verifier) (carry.Attachment, error) {
	raw, err := readBundle(bundle)
	if err != nil {
		return carry.Attachment{}, err
	}
	return attachment(ctx, repository, subject, raw, simple, trusted)
}

func attachment(ctx context.Context, repository name.Repository, subject v1.Descriptor, bundle []byte, simple bool, trusted []sign.Verifier) (carry.Attachment, error) {
	out := carry.Attachment{Subject: subject.Digest}
	var artifact v1.Image
	if simple {
		payload, signature, err := verifySimple(ctx, repository, subject.Digest, bundle, trusted)
		if err != nil {
			return out, err
		}
		out.Tag = attach.SignatureTag(repository, subject.Digest).TagStr()
		if artifact, err = attach.Signature(payload, signature); err != nil {
			return out, err
		}
	} else {
		err := verifyImage(ctx, subject.Digest, bundle, trusted)
		if err != nil {
			return out, err
		}
		if artifact, err = attach.Referrer(subject, bundle, attach.SignaturePredicate); err != nil {
			return out, err
		}
	}
	manifest, err := artifact.RawManifest()
	if err != nil {
		return out, err
	}
	out.Artifact = artifact
	out.Descriptor, _, err = images.ReferrerOf(types.OCIManifestSchema1, manifest)
	return out, err
}

// Attachment signs an image or index, and returns what its registry gets.
func (s *Signing) Attachment(ctx context.Context, repository name.Repository, subject v1.Descriptor, simple bool) (carry.Attachment, error) {
	var bundle []byte
	var err error
	if simple {
		bundle, err = s.Simple(ctx, repository, subject.Digest, "")
	} else {
		bundle, err = s.Image(ctx, subject.Digest, "")
	}
	if err != nil {
		return carry.Attachment{}, err
	}
	return attachment(ctx, repository, subject, bundle, simple, s.trusted)
}

// readBundle returns the content of a file with a signature.
func readBundle(file string) ([]byte, error) {
	raw, err := regular.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("missing %s", file)
	}
	return raw, err
}

// message returns a file whose digest is known as a message.
func message(file string, digest v1.Hash) (sign.Message, error) {
	sum, err := hex.DecodeString(digest.Hex)
	if err != nil || digest.Algorithm != "sha256" || len(sum) != sha256.Size {
		return sign.Message{}, fmt.Errorf("digest %s of %s: want a SHA-256", digest, file)
	}
	return sign.File(file, [sha256.Size]byte(sum)), nil
}
