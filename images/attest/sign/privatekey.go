package sign

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// The PEM blocks of private keys. Versions of cosign before 2 wrote the second.
const (
	pemSigstore = "ENCRYPTED SIGSTORE PRIVATE KEY"
	pemCosign   = "ENCRYPTED COSIGN PRIVATE KEY"
	pemPKCS8    = "PRIVATE KEY"
)

// A PrivateKey is a Signer whose key is in memory.
type PrivateKey struct {
	key    crypto.Signer
	public *PublicKey
}

// ParsePrivateKey reads a private key in PEM: one that cosign generated or imported, or PKCS #8 without encryption.
// password returns the password of an encrypted key, and is not called for others. Errors contain nothing of the key
// or the password.
func ParsePrivateKey(text []byte, password func() ([]byte, error)) (*PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("not a private key: missing PEM block")
	}
	der := block.Bytes
	switch block.Type {
	case pemSigstore, pemCosign:
		secret, err := password()
		if err != nil {
			return nil, err
		}
		if der, err = encrypted.Decrypt(block.Bytes, secret); err != nil {
			return nil, errors.New("decrypting the private key: wrong password, or damaged key")
		}
	case pemPKCS8:
	default:
		return nil, fmt.Errorf("PEM block %q: want %q, as cosign makes it, or %q (PKCS #8); convert others with openssl pkcs8 -topk8 -nocrypt, or cosign import-key-pair",
			block.Type, pemSigstore, pemPKCS8)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("invalid private key: not PKCS #8")
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("private key of type %T cannot sign", parsed)
	}
	return NewPrivateKey(signer)
}

// IsEncrypted reports whether text is a private key in PEM that ParsePrivateKey needs a password for.
func IsEncrypted(text []byte) bool {
	block, _ := pem.Decode(text)
	return block != nil && (block.Type == pemSigstore || block.Type == pemCosign)
}

// NewPrivateKey returns a Signer with a key: ECDSA P-256, Ed25519 or RSA.
func NewPrivateKey(key crypto.Signer) (*PrivateKey, error) {
	if k, ok := key.(*ecdsa.PrivateKey); ok && k.Curve != elliptic.P256() {
		return nil, fmt.Errorf("ECDSA key on curve %s: want P-256; cosign does not verify images signed with others", k.Params().Name)
	}
	public, err := NewPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	return &PrivateKey{key, public}, nil
}

// GenerateKey makes a new ECDSA P-256 key. file is its encrypted form, as "cosign generate-key-pair" writes it.
func GenerateKey(password []byte) (key *PrivateKey, file []byte, err error) {
	generated, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("generating a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(generated)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the key: %w", err)
	}
	box, err := encrypted.Encrypt(der, password)
	if err != nil {
		return nil, nil, fmt.Errorf("encrypting the key: %w", err)
	}
	if key, err = NewPrivateKey(generated); err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: pemSigstore, Bytes: box}), nil
}

// PublicKey returns the public half of k.
func (k *PrivateKey) PublicKey() *PublicKey { return k.public }

// sign implements Signer. Without a source of randomness, ECDSA is deterministic (RFC 6979), like the other algorithms.
func (k *PrivateKey) sign(_ context.Context, _ Message, input []byte) ([]byte, error) {
	return k.key.Sign(nil, input, k.public.scheme().opts)
}
