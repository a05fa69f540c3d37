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
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/internal/regular"
)

// A Signing makes the signatures of a release. It reads the private key for the first signature that it has to make, or
// if it does not know the public key otherwise: decrypting one takes a tenth of a second.
type Signing struct {
	signer func() (sign.Signer, error)
	key    *sign.PublicKey
}

// NewSigning returns a signing with a key.
func NewSigning(ctx context.Context, from KeySource) (*Signing, error) {
	key, id, err := from.recall(ctx)
	if err == nil && from.PublicKey != "" {
		key, err = from.Public()
	}
	if err != nil {
		return nil, &KeyError{err}
	}
	signing := &Signing{key: key}
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
	signing.key = signer.PublicKey()
	return signing, from.remember(id, signing.key)
}

// Check reads the private key, for callers that must know before they begin whether they can sign. The error is a
// *KeyError.
func (s *Signing) Check() error {
	_, err := s.signer()
	return err
}

// A KeyError means that a key cannot be used. It is the same for everything that is to be signed.
type KeyError struct{ err error }

func (e *KeyError) Error() string { return e.err.Error() }

// Unwrap returns the reason.
func (e *KeyError) Unwrap() error { return e.err }

// message signs a message.
func (s *Signing) message(ctx context.Context, m sign.Message) ([]byte, error) {
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	return sign.SignMessage(ctx, signer, m)
}

// Statement signs the bytes of a statement. The bundle contains them.
func (s *Signing) Statement(ctx context.Context, made []byte) ([]byte, error) {
	signer, err := s.signer()
	if err != nil {
		return nil, err
	}
	return sign.SignEnvelope(ctx, signer, statement.MediaType, made)
}

// File returns the signature of a file: the one in the file bundle if it exists and is valid, since not all keys make the same
// signature twice, or else a new one.
func (s *Signing) File(ctx context.Context, file string, digest v1.Hash, bundle string) ([]byte, error) {
	keys := []*sign.PublicKey{s.Key()}
	if raw, err := regular.ReadFile(bundle); err == nil {
		if _, err := verifyFile(ctx, file, digest, raw, keys); err == nil {
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
	keys := []*sign.PublicKey{s.Key()}
	if raw, err := regular.ReadFile(bundle); err == nil && verifyImage(ctx, digest, raw, keys) == nil {
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
	keys := []*sign.PublicKey{s.Key()}
	if raw, err := regular.ReadFile(bundle); err == nil {
		if _, _, err := verifySimple(ctx, repository, digest, raw, keys); err == nil {
			return raw, nil
		}
	}
	payload, err := attach.Payload(repository, digest)
	if err != nil {
		return nil, err
	}
	return s.message(ctx, sign.Bytes(payload))
}

// VerifyFile checks the signature of a file in the file bundle, and returns the key that has made it.
func VerifyFile(ctx context.Context, file string, digest v1.Hash, bundle string, keys []*sign.PublicKey) (*sign.PublicKey, error) {
	raw, err := readBundle(bundle)
	var key *sign.PublicKey
	if err == nil {
		key, err = verifyFile(ctx, file, digest, raw, keys)
	}
	if err != nil {
		return nil, fmt.Errorf("signature of %s: %w", file, err)
	}
	return key, nil
}

func verifyFile(ctx context.Context, file string, digest v1.Hash, raw []byte, keys []*sign.PublicKey) (*sign.PublicKey, error) {
	b, err := sign.ParseBundle(raw)
	if err != nil {
		return nil, err
	}
	m, err := message(file, digest)
	if err != nil {
		return nil, err
	}
	return b.VerifyMessage(ctx, m, keys)
}

// verifyImage checks the signature of an image or index.
func verifyImage(ctx context.Context, digest v1.Hash, bundle []byte, keys []*sign.PublicKey) error {
	b, err := sign.ParseBundle(bundle)
	if err != nil {
		return err
	}
	claim, _, err := attach.VerifyStatement(ctx, b, keys)
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
func verifySimple(ctx context.Context, repository name.Repository, digest v1.Hash, bundle []byte, keys []*sign.PublicKey) (payload, signature []byte, err error) {
	b, err := sign.ParseBundle(bundle)
	if err != nil {
		return nil, nil, err
	}
	if payload, err = attach.Payload(repository, digest); err != nil {
		return nil, nil, err
	}
	_, err = b.VerifyMessage(ctx, sign.Bytes(payload), keys)
	return payload, b.Signature(), err
}

// NewAttachment returns what a registry gets for the signature of subject in the file bundle, after it has verified the
// signature. repository is the one that a signature in the older form was made for.
func NewAttachment(ctx context.Context, repository name.Repository, subject v1.Descriptor, bundle string, simple bool, keys []*sign.PublicKey) (carry.Attachment, error) {
	raw, err := readBundle(bundle)
	if err != nil {
		return carry.Attachment{}, err
	}
	return attachment(ctx, repository, subject, raw, simple, keys)
}

func attachment(ctx context.Context, repository name.Repository, subject v1.Descriptor, bundle []byte, simple bool, keys []*sign.PublicKey) (carry.Attachment, error) {
	out := carry.Attachment{Subject: subject.Digest}
	var artifact v1.Image
	if simple {
		payload, signature, err := verifySimple(ctx, repository, subject.Digest, bundle, keys)
		if err != nil {
			return out, err
		}
		out.Tag = attach.SignatureTag(repository, subject.Digest).TagStr()
		if artifact, err = attach.Signature(payload, signature); err != nil {
			return out, err
		}
	} else {
		err := verifyImage(ctx, subject.Digest, bundle, keys)
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
	return attachment(ctx, repository, subject, bundle, simple, []*sign.PublicKey{s.Key()})
}

// Key returns the public key of the signatures.
func (s *Signing) Key() *sign.PublicKey { return s.key }

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
