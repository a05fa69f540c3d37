package certify

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/digitorus/timestamp"

	"github.com/slipway-build/slipway/images/attest/keyless"
)

// request has the key certified (POST /api/v2/signingCert, https://github.com/sigstore/fulcio/blob/main/fulcio.proto).
func (s *Signer) request(ctx context.Context, token, subject string) (*x509.Certificate, error) {
	sum := sha256.Sum256([]byte(subject))
	possession, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
	if err != nil {
		return nil, err
	}
	type publicKey struct {
		Algorithm string `json:"algorithm"`
		Content   string `json:"content"`
	}
	body, err := json.Marshal(map[string]any{"publicKeyRequest": map[string]any{
		"publicKey":         publicKey{"ECDSA", string(s.PublicKey().PEM())},
		"proofOfPossession": possession,
	}})
	if err != nil {
		return nil, err
	}
	answer, err := ask(ctx, call{address: strings.TrimSuffix(s.options.Fulcio, "/") + "/api/v2/signingCert", mediaType: "application/json", body: body, token: token})
	if err != nil {
		return nil, err
	}
	type chain struct {
		Chain struct {
			Certificates []string `json:"certificates"` // PEM
		} `json:"chain"`
	}
	var issued struct {
		Embedded chain `json:"signedCertificateEmbeddedSct"`
		Detached chain `json:"signedCertificateDetachedSct"`
	}
	if err := json.Unmarshal(answer, &issued); err != nil {
		return nil, fmt.Errorf("invalid answer: %w", err)
	}
	certificates := append(issued.Embedded.Chain.Certificates, issued.Detached.Chain.Certificates...)
	if len(certificates) == 0 {
		return nil, errors.New("invalid answer: missing certificate")
	}
	block, _ := pem.Decode([]byte(certificates[0]))
	if block == nil {
		return nil, errors.New("invalid answer: the certificate is not PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("invalid answer: %w", err)
	}
	if public, ok := certificate.PublicKey.(*ecdsa.PublicKey); !ok || !public.Equal(s.key.Public()) {
		return nil, errors.New("invalid answer: the certificate is of another key")
	}
	return certificate, nil
}

// timestampOf returns the response of a timestamp authority for a signature (RFC 3161).
func timestampOf(ctx context.Context, address string, signature []byte) ([]byte, error) {
	sum := sha256.Sum256(signature)
	request := timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum[:]}
	body, err := request.Marshal()
	if err != nil {
		return nil, err
	}
	answer, err := ask(ctx, call{address: address, mediaType: "application/timestamp-query", body: body})
	if err != nil {
		return nil, err
	}
	stamp, err := keyless.ParseTimestamp(answer)
	if err != nil {
		return nil, fmt.Errorf("invalid answer: %w", err)
	}
	if !bytes.Equal(stamp.HashedMessage, sum[:]) {
		return nil, errors.New("invalid answer: the timestamp is of another signature")
	}
	return answer, nil
}
