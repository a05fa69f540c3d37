package keyless_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/digitorus/pkcs7"

	"github.com/slipway-build/slipway/images/attest/keyless"
	"github.com/slipway-build/slipway/images/attest/keyless/keylesstest"
)

// nested returns sequences of n levels, which take the parser the longest for their size.
func nested(n int) []byte {
	return slices.Concat(bytes.Repeat([]byte{0x30, 0x80}, n), []byte{5, 0}, make([]byte, 2*n))
}

// response returns the response of a timestamp authority with a token.
func response(t testing.TB, token []byte) []byte {
	t.Helper()
	raw, err := asn1.Marshal(struct {
		Status struct{ Status int }
		Token  asn1.RawValue
	}{Token: asn1.RawValue{FullBytes: token}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// largeKey returns a certificate of an RSA key of a size in bits.
func largeKey(t testing.TB, bits uint) *x509.Certificate {
	t.Helper()
	by, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	key := &rsa.PublicKey{N: n.Add(n, big.NewInt(1)), E: 1<<31 - 1}
	raw, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, key, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// signedToken returns a token that says that the key of a certificate has signed it.
func signedToken(t testing.TB, c *x509.Certificate) []byte {
	t.Helper()
	data, err := pkcs7.NewSignedData([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	by, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := data.AddSigner(c, by, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	token, err := data.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestHostileTimestamps(t *testing.T) {
	s := keylesstest.Start(t)
	root := verifier(t, s.Root("tsa"), known)
	bundle := message(t, signer(t, s, services{tsa: true}))
	for name, c := range map[string]struct {
		stamp []byte
		want  string
	}{
		"too long":        {response(t, append([]byte{0x30, 0x83, 0x10, 0, 0}, make([]byte, 1<<20)...)), "more than 16384"},
		"deep":            {response(t, append([]byte{0x30, 0x82, 0x3e, 0x82}, nested(4000)...)), "invalid timestamp"},
		"large key":       {response(t, signedToken(t, largeKey(t, 64<<10))), "an RSA key of 65536 bits, more than 8192"},
		"nothing":         {nil, "asn1"},
		"not a timestamp": {[]byte("x"), "asn1"},
	} {
		f := fields(t, bundle)
		f["verificationMaterial"].(map[string]any)["timestampVerificationData"] = map[string]any{"rfc3161Timestamps": []any{map[string]any{"signedTimestamp": c.stamp}}}
		err := verify(t, encoded(t, f), content, root)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if _, err := keyless.ParseTimestamp(c.stamp); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestHostileCertificates(t *testing.T) {
	s := keylesstest.Start(t)
	root := verifier(t, s.Root("tsa"), known)
	bundle := message(t, signer(t, s, services{tsa: true}))
	leaf := fields(t, bundle)["verificationMaterial"].(map[string]any)["certificate"]
	for name, c := range map[string]struct {
		certificates []any
		want         string
	}{
		"too long":     {[]any{map[string]any{"rawBytes": make([]byte, 16<<20)}}, "it has 16777216 bytes, more than 16384"},
		"leaf":         {[]any{map[string]any{"rawBytes": largeKey(t, 16<<10).Raw}}, "an RSA key of 16384 bits, more than 8192"},
		"intermediate": {[]any{leaf, map[string]any{"rawBytes": largeKey(t, 8200).Raw}}, "an RSA key of 8200 bits, more than 8192"},
		"many":         {slices.Repeat([]any{leaf}, 33), "more than 32 certificates"},
	} {
		f := fields(t, bundle)
		material := f["verificationMaterial"].(map[string]any)
		delete(material, "certificate")
		material["x509CertificateChain"] = map[string]any{"certificates": c.certificates}
		if err := verify(t, encoded(t, f), content, root); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}
