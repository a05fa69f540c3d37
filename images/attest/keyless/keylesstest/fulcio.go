package keylesstest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

var errUnavailable = errors.New("try again")

// certify answers a request for a certificate, after it has checked that the client has the key.
func (s *Services) certify(r *http.Request) ([]byte, error) {
	var request struct {
		PublicKeyRequest struct {
			PublicKey         struct{ Content string }
			ProofOfPossession []byte
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		return nil, err
	}
	if s.Failing.Add(-1) >= 0 {
		return nil, errUnavailable
	}
	if !strings.HasPrefix(bearer(r), "ey") {
		return nil, errors.New("the token is not accepted")
	}
	block, _ := pem.Decode([]byte(request.PublicKeyRequest.PublicKey.Content))
	if block == nil {
		return nil, errors.New("missing public key")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	sum := sha256.Sum256([]byte(Subject))
	if !ok || !ecdsa.VerifyASN1(key, sum[:], request.PublicKeyRequest.ProofOfPossession) {
		return nil, errors.New("the client does not prove that it has the key")
	}
	leaf, err := s.leaf(key)
	if err != nil {
		return nil, err
	}
	s.Certificates.Add(1)
	return json.Marshal(map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{
		"certificates": []string{string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}))},
	}}})
}

// leaf returns a certificate of a key, with a promise of the log of certificates.
func (s *Services) leaf(key *ecdsa.PublicKey) ([]byte, error) {
	issuer, err := asn1.MarshalWithParams(Issuer, "utf8")
	if err != nil {
		return nil, err
	}
	end := time.Now().Add(time.Duration(s.Lifetime.Load()))
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: end.Add(-time.Hour), NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, EmailAddresses: []string{Subject},
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1}, Value: []byte(Issuer)},
			{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}, Value: issuer},
		}}
	raw, err := x509.CreateCertificate(rand.Reader, template, s.fulcio.certificate, key, s.fulcio.key)
	if err != nil {
		return nil, err
	}
	without, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, err
	}
	promise, err := s.promise(without.RawTBSCertificate)
	if err != nil {
		return nil, err
	}
	template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}, Value: promise})
	return x509.CreateCertificate(rand.Reader, template, s.fulcio.certificate, key, s.fulcio.key)
}

// promise returns a list of one signed certificate timestamp (RFC 6962, sections 3.2 and 3.3).
func (s *Services) promise(tbs []byte) ([]byte, error) {
	issuer, id := sha256.Sum256(s.fulcio.certificate.RawSubjectPublicKeyInfo), idOf(s.t, s.ctlog)
	now := uint64(time.Now().UnixMilli())
	var signed cryptobyte.Builder
	signed.AddBytes([]byte{0, 0})
	signed.AddUint64(now)
	signed.AddUint16(1)
	signed.AddBytes(issuer[:])
	signed.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(tbs) })
	signed.AddUint16(0)
	sum := sha256.Sum256(signed.BytesOrPanic())
	signature, err := ecdsa.SignASN1(rand.Reader, s.ctlog, sum[:])
	if err != nil {
		return nil, err
	}
	var list cryptobyte.Builder
	list.AddUint16LengthPrefixed(func(list *cryptobyte.Builder) {
		list.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
			b.AddUint8(0)
			b.AddBytes(id[:])
			b.AddUint64(now)
			b.AddUint16(0)
			b.AddBytes([]byte{4, 3}) // SHA-256, ECDSA
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(signature) })
		})
	})
	return asn1.Marshal(list.BytesOrPanic())
}
