package policy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/slipway-build/slipway/images/attest/sign"
)

// Signatures of identities are beside archives, where not all commands read them.
func TestCheckEnclosed(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := sign.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	a, b := Signer{Name: "a", Keys: sign.Verifiers(key)}, Signer{Name: "b", Keys: []sign.Verifier{struct{ sign.Verifier }{}}}
	for _, c := range []struct {
		signers []Signer
		ok      bool
	}{{nil, true}, {[]Signer{a}, true}, {[]Signer{a, b}, true}, {[]Signer{b}, false}} {
		if err := (Archive{Signers: c.signers}).CheckEnclosed(); (err == nil) != c.ok {
			t.Errorf("%v: error %v", c.signers, err)
		}
	}
}
