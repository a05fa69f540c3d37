package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
)

const payloadType = "application/vnd.in-toto+json"

// newKeys returns a key of each kind, by its name.
func newKeys(t testing.TB) map[string]*PrivateKey {
	t.Helper()
	keys := map[string]*PrivateKey{}
	add := func(name string, key any, err error) {
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = parse(t, pkcs8(t, key))
	}
	ecdsaKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	add("P-256", ecdsaKey, err)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	add("Ed25519", key, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	add("RSA", rsaKey, err)
	return keys
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func parse(t testing.TB, text []byte) *PrivateKey {
	t.Helper()
	key, err := ParsePrivateKey(text, func() ([]byte, error) { return nil, errors.New("a password was asked for") })
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// written returns a message of a file with content.
func written(t testing.TB, content string) Message {
	t.Helper()
	name := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return File(name, sha256.Sum256([]byte(content)))
}

func TestEveryKindOfKey(t *testing.T) {
	keys := newKeys(t)
	for name, key := range keys {
		t.Run(name, func(t *testing.T) {
			message := written(t, "content")
			var other *PrivateKey
			for n, k := range keys {
				if n != name {
					other = k
				}
			}
			public, err := ParsePublicKeys(append(other.PublicKey().PEM(), key.PublicKey().PEM()...))
			if err != nil {
				t.Fatal(err)
			}

			signed, err := SignMessage(t.Context(), key, message)
			if err != nil {
				t.Fatal(err)
			}
			again, err := SignMessage(t.Context(), key, Bytes([]byte("content")))
			if err != nil || !bytes.Equal(signed, again) {
				t.Errorf("signing again gives other bytes (%v):\n%s\n%s", err, signed, again)
			}
			b := mustParse(t, signed)
			if by, err := b.VerifyMessage(t.Context(), message, Verifiers(public...)); err != nil || by.Hint() != key.PublicKey().Hint() {
				t.Errorf("verified by %v: %v", by, err)
			}
			if _, err := b.VerifyMessage(t.Context(), Bytes([]byte("Content")), Verifiers(public...)); !errors.Is(err, errSignature) {
				t.Errorf("other content: %v", err)
			}
			if _, err := b.VerifyMessage(t.Context(), message, Verifiers(public[0])); !errors.Is(err, errSignature) {
				t.Errorf("another key: %v", err)
			}

			signed, err = SignEnvelope(t.Context(), key, payloadType, []byte(`{"a":1}`))
			if err != nil {
				t.Fatal(err)
			}
			if again, err = SignEnvelope(t.Context(), key, payloadType, []byte(`{"a":1}`)); err != nil || !bytes.Equal(signed, again) {
				t.Errorf("signing again gives other bytes (%v):\n%s\n%s", err, signed, again)
			}
			e, err := mustParse(t, signed).VerifyEnvelope(t.Context(), Verifiers(public...))
			if err != nil || e.PayloadType != payloadType || string(e.Payload) != `{"a":1}` || e.Signer.Hint() != key.PublicKey().Hint() {
				t.Errorf("envelope %+v: %v", e, err)
			}
			changed := bytes.Replace(signed, []byte("in-toto"), []byte("in-tata"), 1)
			if _, err := mustParse(t, changed).VerifyEnvelope(t.Context(), Verifiers(public...)); !errors.Is(err, errSignature) {
				t.Errorf("another payload type: %v", err)
			}
		})
	}
}

// However many keys there are, a file is read once for each hash.
func TestAFileIsReadOnceForAllKeys(t *testing.T) {
	signed := must(SignMessage(t.Context(), newKeys(t)["P-256"], Bytes([]byte("content"))))(t)
	var keys []*PublicKey
	for range 5 {
		p521 := must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))(t)
		keys = append(keys, newKeys(t)["Ed25519"].PublicKey(), must(NewPublicKey(p521.Public()))(t))
	}
	m, opened := Bytes([]byte("content")), 0
	open := m.open
	m.open = func() (io.ReadCloser, error) { opened++; return open() }
	if _, err := mustParse(t, signed).VerifyMessage(t.Context(), m, Verifiers(keys...)); !errors.Is(err, errSignature) || opened != 2 {
		t.Errorf("opened %d times, want 2 (for SHA-512, and all of it): %v", opened, err)
	}
}

// A file that is too large for one key may be signed with another.
func TestKeysThatNeedAllOfAFile(t *testing.T) {
	keys := newKeys(t)
	small := Bytes([]byte("content"))
	signed := must(SignMessage(t.Context(), keys["P-256"], small))(t)
	large := Message{open: func() (io.ReadCloser, error) { return nil, errWhole }, digest: small.digest}
	public := Verifiers(keys["Ed25519"].PublicKey(), keys["P-256"].PublicKey())
	if by, err := mustParse(t, signed).VerifyMessage(t.Context(), large, public); err != nil || by != public[1] {
		t.Errorf("verified by %v: %v", by, err)
	}
	if _, err := mustParse(t, signed).VerifyMessage(t.Context(), large, public[:1]); !errors.Is(err, errWhole) {
		t.Errorf("error %v, want that the file is too large", err)
	}
}

// Other programs sign with keys and schemes that we verify and do not use.
func TestSchemesOfOthers(t *testing.T) {
	p521 := must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))(t)
	p384 := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))(t)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"P-521": p521, "P-384": p384, "Ed25519": ed} {
		public := must(NewPublicKey(key.Public()))(t)
		if len(public.schemes()) != 2 {
			t.Errorf("%s: %d schemes", name, len(public.schemes()))
		}
		for _, s := range public.schemes() {
			message := written(t, "content")
			signature := must(key.Sign(rand.Reader, must(message.input(t.Context(), s))(t), s.opts))(t)
			b := &Bundle{&bundlepb.Bundle{Content: &bundlepb.Bundle_MessageSignature{MessageSignature: &common.MessageSignature{Signature: signature}}}}
			if _, err := b.VerifyMessage(t.Context(), message, Verifiers(public)); err != nil {
				t.Errorf("%s with %s: %v", name, s.hash, err)
			}
			if _, err := b.VerifyMessage(t.Context(), Bytes([]byte("other")), Verifiers(public)); !errors.Is(err, errSignature) {
				t.Errorf("%s with %s: other content: %v", name, s.hash, err)
			}
		}
	}
}

func mustParse(t testing.TB, raw []byte) *Bundle {
	t.Helper()
	b, err := ParseBundle(raw)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAChangedFileIsNotSigned(t *testing.T) {
	m := written(t, "content")
	m.digest = sha256.Sum256([]byte("other content"))
	if _, err := SignMessage(t.Context(), newKeys(t)["Ed25519"], m); err == nil || !strings.Contains(err.Error(), "it was changed") {
		t.Errorf("error %v", err)
	}
}

func TestGeneratedKeys(t *testing.T) {
	key, file, err := GenerateKey([]byte("pw"))
	if err != nil {
		t.Fatal(err)
	}
	read, err := ParsePrivateKey(file, func() ([]byte, error) { return []byte("pw"), nil })
	if err != nil || read.PublicKey().Hint() != key.PublicKey().Hint() {
		t.Errorf("read again: %v", err)
	}
	if _, err := ParsePrivateKey(file, func() ([]byte, error) { return []byte("secret"), nil }); err == nil ||
		!strings.Contains(err.Error(), "wrong password") || strings.Contains(err.Error(), "secret") {
		t.Errorf("another password: %v", err)
	}
	asked := errors.New("COSIGN_PASSWORD is not set")
	if _, err := ParsePrivateKey(file, func() ([]byte, error) { return nil, asked }); !errors.Is(err, asked) {
		t.Errorf("missing password: %v", err)
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := newKeys(t)["P-256"].PublicKey().PEM()
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"a small RSA key":  {pkcs8(t, small), "RSA key of 1024 bits"},
		"another curve":    {pkcs8(t, p384), "curve P-384"},
		"not PEM":          {[]byte("secret"), "missing PEM block"},
		"a public key":     {public, `"PUBLIC KEY"`},
		"SEC 1":            {pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: []byte{0}}), "openssl pkcs8"},
		"damaged PKCS #8":  {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}), "not PKCS #8"},
		"damaged envelope": {pem.EncodeToMemory(&pem.Block{Type: pemCosign, Bytes: []byte("secret")}), "wrong password, or damaged"},
	} {
		_, err := ParsePrivateKey(c.text, func() ([]byte, error) { return nil, nil })
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if _, err := ParsePublicKeys(pkcs8(t, p384)); err == nil || !strings.Contains(err.Error(), `block "PUBLIC KEY"`) {
		t.Errorf("a private key as a public one: %v", err)
	}
	if _, err := ParsePublicKeys(nil); err == nil {
		t.Error("an empty file has no error")
	}
}

func TestInvalidBundles(t *testing.T) {
	key := newKeys(t)["P-256"]
	good, err := SignEnvelope(t.Context(), key, payloadType, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("%s is not in %s", old, good)
		}
		return bytes.Replace(good, []byte(old), []byte(new), 1)
	}
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"not JSON":           {[]byte("x"), "invalid bundle"},
		"an unknown version": {replace("v0.3", "v0.9"), "media type"},
		"a duplicate member": {replace(`"payloadType"`, `"payload":"","payloadType"`), "duplicate"},
		"an unknown member":  {replace(`"payloadType"`, `"more":1,"payloadType"`), "unknown field"},
		"two signatures":     {replace(`"signatures":[`, `"signatures":[{"sig":"AAAA"},`), "2 signatures"},
		"two contents":       {replace(`"dsseEnvelope"`, `"messageSignature":{"signature":"AAAA"},"dsseEnvelope"`), "invalid bundle"},
		"no content":         {[]byte(`{"mediaType":"` + MediaType + `"}`), "neither an envelope nor a message"},
		"too large":          {make([]byte, maxBundle+1), "more than"},
	} {
		if _, err := ParseBundle(c.raw); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	b := mustParse(t, good)
	if _, err := b.VerifyMessage(t.Context(), Bytes(nil), Verifiers(key.PublicKey())); err == nil {
		t.Error("an envelope is verified as a message signature")
	}
	if _, err := b.VerifyEnvelope(t.Context(), nil); err == nil {
		t.Error("an envelope is verified without a key")
	}
}

// No change of a bundle gives content that was not signed.
func FuzzBundle(f *testing.F) {
	key := parse(f, pkcs8(f, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(f)))
	payload, message := []byte(`{"a":1}`), Bytes([]byte("content"))
	for _, sign := range []func() ([]byte, error){
		func() ([]byte, error) { return SignEnvelope(f.Context(), key, payloadType, payload) },
		func() ([]byte, error) { return SignMessage(f.Context(), key, message) },
	} {
		f.Add(must(sign())(f))
	}
	keys := Verifiers(key.PublicKey())
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := ParseBundle(raw)
		if err != nil {
			return
		}
		if e, err := b.VerifyEnvelope(t.Context(), keys); err == nil && (e.PayloadType != payloadType || !bytes.Equal(e.Payload, payload)) {
			t.Errorf("verified %q of type %q", e.Payload, e.PayloadType)
		}
		if _, err := b.VerifyMessage(t.Context(), Bytes([]byte("other content")), keys); err == nil {
			t.Error("verified other content")
		}
	})
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
