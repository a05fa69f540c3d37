package proof

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/attest/keyless"
	"github.com/slipway-build/slipway/images/attest/keyless/keylesstest"
)

// A token of another identity, or of another Fulcio, is an error before Rekor publishes anything.
func TestNothingIsPublishedForAnotherIdentity(t *testing.T) {
	s, others := keylesstest.Start(t), keylesstest.Start(t)
	known := keyless.Identity{Subject: keylesstest.Subject, Issuer: keylesstest.Issuer}
	other := known
	other.Subject = "other@example.com"
	for name, c := range map[string]struct {
		root []byte
		who  keyless.Identity
		want string
	}{
		"another Fulcio":   {others.Root("rekor"), known, "its certificate was not valid on"},
		"another identity": {s.Root("rekor"), other, "it is signed by releases@example.com (https://token.example.com), not by other@example.com"},
	} {
		file := filepath.Join(t.TempDir(), "root.json")
		if err := os.WriteFile(file, c.root, 0o600); err != nil {
			t.Fatal(err)
		}
		k := &Keyless{Fulcio: s.Fulcio, Rekor: s.Rekor, TrustedRoot: file, Identity: c.who}
		signing, err := NewSigning(t.Context(), KeySource{Keyless: k, Getenv: func(string) (string, bool) { return keylesstest.Token(time.Hour), true }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signing.Statement(t.Context(), []byte("{}")); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if n := s.Entries.Load(); n != 0 {
			t.Errorf("%s: %d entries were published", name, n)
		}
	}
}
