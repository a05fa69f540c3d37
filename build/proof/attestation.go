package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/attach"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/internal/regular"
)

// Attestation returns the signed form of a statement: the one in the file bundle if it is valid, as File does for a file,
// or else a new one.
func (s *Signing) Attestation(ctx context.Context, made []byte, bundle string) ([]byte, error) {
	if raw, err := regular.ReadFile(bundle); err == nil {
		if _, err := verifyAttestation(ctx, made, raw, s.trusted); err == nil {
			return raw, nil
		}
	}
	return s.Statement(ctx, made)
}

// verifyAttestation checks that a bundle has a statement with a valid signature, and returns the statement.
func verifyAttestation(ctx context.Context, made, bundle []byte, trusted []sign.Verifier) (*statement.Statement, error) {
	b, err := sign.ParseBundle(bundle)
	if err != nil {
		return nil, err
	}
	e, err := b.VerifyEnvelope(ctx, trusted)
	if err != nil {
		return nil, err
	}
	if e.PayloadType != statement.MediaType || !bytes.Equal(e.Payload, made) {
		return nil, errors.New("the signature is of another statement: run package")
	}
	return statement.Read(made)
}

// NewAttestation returns what a registry gets for a statement about subject whose signed form is in the file bundle, after
// it has verified the signature.
func NewAttestation(ctx context.Context, subject v1.Descriptor, made []byte, bundle string, trusted []sign.Verifier) (carry.Attachment, error) {
	out := carry.Attachment{Subject: subject.Digest}
	raw, err := readBundle(bundle)
	if err != nil {
		return out, err
	}
	s, err := verifyAttestation(ctx, made, raw, trusted)
	if err != nil {
		return out, err
	}
	if !s.About(subject.Digest.String()) {
		return out, fmt.Errorf("the statement is not about %s", subject.Digest)
	}
	if out.Artifact, err = attach.Referrer(subject, raw, s.PredicateType); err != nil {
		return out, err
	}
	manifest, err := out.Artifact.RawManifest()
	if err != nil {
		return out, err
	}
	out.Descriptor, _, err = images.ReferrerOf(types.OCIManifestSchema1, manifest)
	return out, err
}
