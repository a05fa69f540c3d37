package proof

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/internal/testfile"
)

// memory is a Memory.
type memory map[string][]byte

func (m memory) Record(_ context.Context, kind, key string) ([]byte, bool) {
	value, ok := m[kind+" "+key]
	return value, ok
}

func (m memory) SetRecord(kind, key string, value []byte) error {
	m[kind+" "+key] = value
	return nil
}

// The password of a key is needed once, and then only to sign.
func TestThePublicKeyIsRemembered(t *testing.T) {
	ctx, file := t.Context(), filepath.Join(t.TempDir(), "cosign.key")
	key, encrypted, err := sign.GenerateKey([]byte("pass word"))
	if err != nil {
		t.Fatal(err)
	}
	testfile.Write(t, file, string(encrypted))
	password, remembered := "pass word", memory{}
	from := KeySource{Key: file, Memory: remembered, Getenv: func(string) (string, bool) { return password, password != "" }}
	signing, err := NewSigning(ctx, from)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := signing.Statement(ctx, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if len(remembered) != 1 {
		t.Errorf("remembered %d keys", len(remembered))
	}
	for kind, value := range remembered {
		if bytes.Contains(append([]byte(kind), value...), encrypted) || !bytes.Equal(value, key.PublicKey().PEM()) {
			t.Errorf("remembered %s: %s", kind, value)
		}
	}

	password = ""
	if signing, err = NewSigning(ctx, from); err != nil {
		t.Fatal(err)
	}
	if signing.Verifier().Hint() != key.PublicKey().Hint() {
		t.Error("another key was remembered")
	}
	if _, err := signing.Statement(ctx, []byte("{}")); err == nil || !strings.Contains(err.Error(), "COSIGN_PASSWORD") {
		t.Errorf("signing without a password: %v", err)
	}
	password = "pass word"
	if signing, err = NewSigning(ctx, from); err != nil {
		t.Fatal(err)
	}
	if again, err := signing.Statement(ctx, []byte("{}")); err != nil || !bytes.Equal(again, bundle) {
		t.Errorf("another signature: %s, %v", again, err)
	}

	// What is remembered is for the bytes of the file, and is not believed when it matters.
	other, others, err := sign.GenerateKey([]byte("pass word"))
	if err != nil {
		t.Fatal(err)
	}
	for kind := range remembered {
		remembered[kind] = other.PublicKey().PEM()
	}
	if signing, err = NewSigning(ctx, from); err != nil {
		t.Fatal(err)
	}
	if _, err := signing.Statement(ctx, []byte("{}")); err == nil || !strings.Contains(err.Error(), "the cache has another public key") {
		t.Errorf("with a forged memory: %v", err)
	}
	if public, err := from.Public(); err != nil || public.Hint() != key.PublicKey().Hint() {
		t.Errorf("the key to verify with comes from the memory: %v", err)
	}
	testfile.Write(t, file, string(others))
	if signing, err = NewSigning(ctx, from); err != nil || signing.Verifier().Hint() != other.PublicKey().Hint() {
		t.Errorf("with another file: %v", err)
	}
}
