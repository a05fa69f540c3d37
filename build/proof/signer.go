package proof

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/internal/process"
	"github.com/slipway-build/slipway/internal/regular"
)

// A KeySource says where the key of a signing is. Paths are absolute.
type KeySource struct {
	// Key is the private key: a file, or env:// and the name of an environment variable that contains it.
	Key string
	// Password is the environment variable with the password of Key. Default: COSIGN_PASSWORD.
	Password string
	// Command, instead of Key, are a program that signs and its arguments. Dir is its working folder, Secrets are the
	// names of more environment variables that it gets, and Limit is how long it may take for one signature.
	Command []string
	Dir     string
	Secrets []string
	Limit   time.Duration
	// PublicKey is a file or env://NAME, like Key. It is required with Command. Default: the public half of Key.
	PublicKey string
	// Keyless, if it is not nil, is used in place of a key.
	Keyless *Keyless
	// Getenv looks up environment variables.
	Getenv func(name string) (string, bool)
	// Memory, if it is set, remembers the public half of an encrypted Key, for a signing that has nothing to sign.
	Memory Memory
}

// A Memory keeps small values from one run to the next.
type Memory interface {
	Record(ctx context.Context, kind, key string) ([]byte, bool)
	SetRecord(kind, key string, value []byte) error
}

// defaultPassword is the environment variable that cosign reads passwords of keys from.
const defaultPassword = "COSIGN_PASSWORD"

// environmentScheme begins the names of environment variables in places of files, as cosign spells them.
const environmentScheme = "env://"

// IsVariable reports whether a place is an environment variable rather than a file.
func IsVariable(place string) bool { return strings.HasPrefix(place, environmentScheme) }

// SecretVariables returns the names of the environment variables whose values are secret.
func (s KeySource) SecretVariables() []string {
	names := append([]string{cmp.Or(s.Password, defaultPassword), tokenVariable, requestTokenVariable}, s.Secrets...)
	if s.Keyless != nil && s.Keyless.Token != "" {
		names = append(names, s.Keyless.Token)
	}
	if name, ok := strings.CutPrefix(s.Key, environmentScheme); ok {
		names = append(names, name)
	}
	return names
}

// KeyGiven reports whether there is a private key: a file, or an environment variable that is set.
func (s KeySource) KeyGiven() bool {
	name, isVariable := strings.CutPrefix(s.Key, environmentScheme)
	if !isVariable {
		return s.Key != ""
	}
	text, ok := s.Getenv(name)
	return ok && text != ""
}

// Signer returns what signs with the key, or with an identity. A public key that does not belong to the private key is an
// error.
func (s KeySource) Signer() (sign.Signer, error) {
	if s.Keyless != nil {
		return s.Keyless.signer(s.Getenv)
	}
	if len(s.Command) > 0 {
		public, err := s.publicKey()
		if err != nil {
			return nil, err
		}
		return &sign.Command{Args: s.Command, Dir: s.Dir, Env: s.environment(), Public: public, Limit: s.Limit}, nil
	}
	key, err := s.privateKey()
	if err != nil {
		return nil, err
	}
	if s.PublicKey == "" {
		return key, nil
	}
	public, err := s.publicKey()
	if err != nil {
		return nil, err
	}
	if public.Hint() != key.PublicKey().Hint() {
		return nil, fmt.Errorf("public key %s does not belong to private key %s", s.PublicKey, s.Key)
	}
	return key, nil
}

// Public returns the public key. It reads the private key only if there is nothing else to read.
func (s KeySource) Public() (*sign.PublicKey, error) {
	if s.PublicKey != "" {
		return s.publicKey()
	}
	key, err := s.privateKey()
	if err != nil {
		return nil, err
	}
	return key.PublicKey(), nil
}

// recorded is the kind of the records that a Memory has of public keys.
const recorded = "public-key"

// recall returns the public key that Memory has for the bytes of the private key, or nil. id is what remember needs; it
// is empty if there is nothing to remember, as for a key that is not encrypted.
func (s KeySource) recall(ctx context.Context) (key *sign.PublicKey, id string, err error) {
	if s.Memory == nil || s.PublicKey != "" || len(s.Command) > 0 {
		return nil, "", nil
	}
	text, err := s.read(s.Key)
	if err != nil {
		return nil, "", fmt.Errorf("reading the private key: %w", err)
	}
	defer clear(text)
	if !sign.IsEncrypted(text) {
		return nil, "", nil
	}
	sum := sha256.Sum256(text)
	id = hex.EncodeToString(sum[:])
	if raw, ok := s.Memory.Record(ctx, recorded, id); ok {
		if keys, err := sign.ParsePublicKeys(raw); err == nil && len(keys) == 1 {
			key = keys[0]
		}
	}
	return key, id, nil
}

// remember keeps the public half of the private key with an id.
func (s KeySource) remember(id string, key *sign.PublicKey) error {
	if id == "" {
		return nil
	}
	return s.Memory.SetRecord(recorded, id, key.PEM())
}

func (s KeySource) privateKey() (*sign.PrivateKey, error) {
	text, err := s.read(s.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the private key: %w", err)
	}
	key, err := sign.ParsePrivateKey(text, s.password)
	clear(text)
	if err != nil {
		return nil, fmt.Errorf("private key %s: %w", s.Key, err)
	}
	return key, nil
}

func (s KeySource) password() ([]byte, error) {
	variable := cmp.Or(s.Password, defaultPassword)
	password, ok := s.Getenv(variable)
	if !ok {
		return nil, fmt.Errorf("the key is encrypted: set the environment variable %s to its password", variable)
	}
	return []byte(password), nil
}

// PublicKeys returns the keys of PublicKey, which may have several.
func (s KeySource) PublicKeys() ([]*sign.PublicKey, error) {
	text, err := s.read(s.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("reading the public key: %w", err)
	}
	keys, err := sign.ParsePublicKeys(text)
	if err != nil {
		return nil, fmt.Errorf("public key %s: %w", s.PublicKey, err)
	}
	return keys, nil
}

func (s KeySource) publicKey() (*sign.PublicKey, error) {
	keys, err := s.PublicKeys()
	if err != nil {
		return nil, err
	}
	if len(keys) > 1 {
		return nil, fmt.Errorf("public key %s: it has %d keys, want 1", s.PublicKey, len(keys))
	}
	return keys[0], nil
}

// read returns the content of a file or of an environment variable.
func (s KeySource) read(place string) ([]byte, error) {
	name, ok := strings.CutPrefix(place, environmentScheme)
	if !ok {
		return regular.ReadFile(place)
	}
	text, ok := s.Getenv(name)
	if !ok || text == "" {
		return nil, fmt.Errorf("environment variable %s is not set", name)
	}
	return bytes.TrimSpace([]byte(text)), nil
}

// environment returns what the command inherits.
func (s KeySource) environment() []string {
	env := process.Basic.Of(os.Environ())
	for _, name := range s.Secrets {
		if value, ok := s.Getenv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
