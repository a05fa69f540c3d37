package sign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
)

// A PublicKey verifies signatures.
type PublicKey struct {
	key  crypto.PublicKey
	der  []byte // PKIX
	hint string
}

// Hint returns the SHA-256 of the key's PKIX DER form in base64, as cosign writes it into bundles.
func (p *PublicKey) Hint() string { return p.hint }

// String returns the hint.
func (p *PublicKey) String() string { return p.hint }

// PEM returns the key as a file of cosign and openssl.
func (p *PublicKey) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: p.der})
}

// ParsePublicKeys reads one or more PEM blocks "PUBLIC KEY". Text around the blocks is ignored.
func ParsePublicKeys(text []byte) ([]*PublicKey, error) {
	var keys []*PublicKey
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		if block.Type != "PUBLIC KEY" {
			return nil, fmt.Errorf("PEM block %q: want a public key, in a block \"PUBLIC KEY\"", block.Type)
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("invalid public key: %w", err)
		}
		key, err := NewPublicKey(parsed)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("missing PEM block \"PUBLIC KEY\"")
	}
	return keys, nil
}

// NewPublicKey returns a key of crypto/ecdsa, crypto/ed25519 or crypto/rsa. Kinds that are not secure are an error.
func NewPublicKey(key crypto.PublicKey) (*PublicKey, error) {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() && k.Curve != elliptic.P521() {
			return nil, fmt.Errorf("curve %s: want P-256, P-384 or P-521", k.Curve.Params().Name)
		}
	case ed25519.PublicKey:
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < 2048 || bits > 8192 {
			return nil, fmt.Errorf("RSA key of %d bits: want 2048 to 8192", bits)
		}
	default:
		return nil, fmt.Errorf("key of type %T: want ECDSA, Ed25519 or RSA", key)
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return &PublicKey{key, der, base64.StdEncoding.EncodeToString(sum[:])}, nil
}

// A scheme is a way to sign with a key.
type scheme struct {
	hash crypto.Hash // of the message; 0 if all of it is signed
	opts crypto.SignerOpts
}

// scheme returns the scheme for new signatures with p. "cosign verify" with a key accepts only these.
func (p *PublicKey) scheme() scheme {
	if _, ok := p.key.(ed25519.PublicKey); ok {
		return scheme{0, crypto.Hash(0)}
	}
	return scheme{crypto.SHA256, crypto.SHA256}
}

// schemes returns the schemes of existing signatures with p, by Slipway or any version of cosign.
func (p *PublicKey) schemes() []scheme {
	switch k := p.key.(type) {
	case ed25519.PublicKey:
		return []scheme{{crypto.SHA512, &ed25519.Options{Hash: crypto.SHA512}}, p.scheme()}
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P384():
			return []scheme{p.scheme(), {crypto.SHA384, crypto.SHA384}}
		case elliptic.P521():
			return []scheme{p.scheme(), {crypto.SHA512, crypto.SHA512}}
		}
	}
	return []scheme{p.scheme()}
}

// errSignature is the error for a signature that does not match the key and the message.
var errSignature = errors.New("the signature does not match")

// Verify implements Verifier. It passes over schemes that need all of a message which is too large.
func (p *PublicKey) Verify(ctx context.Context, b *Bundle, m Message) (Verifier, error) {
	failed := errSignature
	for _, s := range p.schemes() {
		input, err := m.input(ctx, s)
		switch {
		case errors.Is(err, errWhole):
			failed = err
		case err != nil:
			return nil, err
		case p.verify(s, input, b.Signature()) == nil:
			return p, nil
		}
	}
	return nil, failed
}

// Verifiers returns keys as verifiers.
func Verifiers(keys ...*PublicKey) []Verifier {
	out := make([]Verifier, len(keys))
	for i, k := range keys {
		out[i] = k
	}
	return out
}

// verify checks a signature of input: the message, or its digest if the scheme has a hash.
func (p *PublicKey) verify(s scheme, input, signature []byte) error {
	ok := false
	switch k := p.key.(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(k, input, signature)
	case ed25519.PublicKey:
		ok = ed25519.VerifyWithOptions(k, input, signature, &ed25519.Options{Hash: s.hash}) == nil
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(k, s.hash, input, signature) == nil
	}
	if !ok {
		return errSignature
	}
	return nil
}
