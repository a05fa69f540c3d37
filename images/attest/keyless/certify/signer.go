package certify

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekorpb "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/internal/redact"
)

// margin is how long a certificate must still be valid when it is used.
const margin = 30 * time.Second

// Options are the services that a Signer uses.
type Options struct {
	// Fulcio is the address of the Fulcio, such as https://fulcio.sigstore.dev.
	Fulcio string
	// TSA is the address of a timestamp authority, with its path. Rekor is the address of a Rekor, version 1. At least
	// one is required.
	TSA, Rekor string
	// Token returns an identity token that is valid now. It is called for each certificate.
	Token func(ctx context.Context) (string, error)
	// Accept, if it is not nil, returns an error unless a certificate is of the wanted identity. It is called before a
	// certificate is used, so that nothing is published with another one.
	Accept func(*x509.Certificate) error
}

// A Signer signs with an identity. It may be used by several goroutines.
type Signer struct {
	*sign.PrivateKey
	options Options
	key     *ecdsa.PrivateKey

	mu          sync.Mutex
	certificate *x509.Certificate
}

// NewSigner makes a key. The first signature has it certified.
func NewSigner(o Options) (*Signer, error) {
	if o.TSA == "" && o.Rekor == "" {
		return nil, errors.New("missing timestamp authority or Rekor: the signatures would end with the certificate, in some minutes")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating a key: %w", err)
	}
	private, err := sign.NewPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &Signer{PrivateKey: private, options: o, key: key}, nil
}

// Check returns an error if there is no certificate to sign with, and none can be had.
func (s *Signer) Check(ctx context.Context) error {
	_, err := s.certified(ctx)
	return err
}

// certified returns a certificate of the key that is valid for long enough to sign.
func (s *Signer) certified(ctx context.Context) (*x509.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.certificate != nil && time.Until(s.certificate.NotAfter) > margin {
		return s.certificate, nil
	}
	token, err := s.options.Token(ctx)
	if err != nil {
		return nil, err
	}
	subject, err := subjectOf(token, time.Now())
	if err != nil {
		return nil, err
	}
	certificate, err := s.request(ctx, token, subject)
	if err != nil {
		return nil, fmt.Errorf("getting a certificate from %s: %w", redact.Text(s.options.Fulcio), err)
	}
	if s.options.Accept != nil {
		if err := s.options.Accept(certificate); err != nil {
			return nil, fmt.Errorf("the certificate from %s: %w", redact.Text(s.options.Fulcio), err)
		}
	}
	s.certificate = certificate
	return certificate, nil
}

// Complete implements sign.Completer: it adds the certificate, and the proof of the time of the signature.
func (s *Signer) Complete(ctx context.Context, b *bundlepb.Bundle, signature []byte) error {
	certificate, err := s.certified(ctx)
	if err != nil {
		return err
	}
	b.VerificationMaterial = &bundlepb.VerificationMaterial{
		Content: &bundlepb.VerificationMaterial_Certificate{Certificate: &common.X509Certificate{RawBytes: certificate.Raw}},
	}
	if s.options.TSA != "" {
		stamp, err := timestampOf(ctx, s.options.TSA, signature)
		if err != nil {
			return fmt.Errorf("getting a timestamp from %s: %w", redact.Text(s.options.TSA), err)
		}
		b.VerificationMaterial.TimestampVerificationData = &bundlepb.TimestampVerificationData{
			Rfc3161Timestamps: []*common.RFC3161SignedTimestamp{{SignedTimestamp: stamp}},
		}
	}
	if s.options.Rekor != "" {
		entry, err := logEntry(ctx, s.options.Rekor, b, certificate)
		if err != nil {
			return fmt.Errorf("adding the signature to %s: %w", redact.Text(s.options.Rekor), err)
		}
		b.VerificationMaterial.TlogEntries = []*rekorpb.TransparencyLogEntry{entry}
	}
	return nil
}
