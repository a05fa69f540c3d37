package release

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
)

func TestKeptSignatures(t *testing.T) {
	r := signedRelease(t, "")
	text, err := os.ReadFile(filepath.Join(r.dir, "cosign.key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := sign.ParsePrivateKey(text, func() ([]byte, error) { return []byte("pass word"), nil })
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := sign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	dir, content := t.TempDir(), []byte(`{"_type":"x"}`)
	var bundles [][]byte
	for _, k := range []*sign.PrivateKey{other, key} {
		made, err := proof.SignWith(k)(t.Context(), content)
		if err != nil {
			t.Fatal(err)
		}
		bundles = append(bundles, made...)
	}
	b := r.open(func(o *Options) { o.Signatures = dir })
	kept := func(content []byte) [][]byte {
		t.Helper()
		got, err := b.keptSignatures(t.Context(), content)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	before, err := b.signedBy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, signatures := range [][][]byte{bundles, {[]byte("later ones")}} {
		if err := KeepSignatures(dir, content, signatures); err != nil {
			t.Fatal(err)
		}
	}
	if got := kept(content); len(got) != 1 || !bytes.Equal(got[0], bundles[1]) {
		t.Errorf("%d signatures: %q", len(got), got)
	}
	if got := kept([]byte(`{"_type":"y"}`)); len(got) != 0 {
		t.Errorf("other content has the signatures %q", got)
	}
	if after, err := b.signedBy(t.Context()); err != nil || after == before {
		t.Errorf("an archive without signatures has the key of one with signatures (%v)", err)
	}
	// A clone without the public key takes what there is.
	if err := os.Remove(filepath.Join(r.dir, "cosign.pub")); err != nil {
		t.Fatal(err)
	}
	if got := kept(content); len(got) != 2 {
		t.Errorf("%d signatures without the public key", len(got))
	}
	// Neither key is needed.
	if err := os.Remove(filepath.Join(r.dir, "cosign.key")); err != nil {
		t.Fatal(err)
	}
	r.do(b, "package")
	if files, err := filepath.Glob(filepath.Join(r.dir, "dist", "*", "*.sigstore.json")); err != nil || len(files) > 0 {
		t.Errorf("signed are %q, %v", files, err)
	}
}
