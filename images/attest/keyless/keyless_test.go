package keyless_test

import (
	"context"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/attest/keyless"
	"github.com/slipway-build/slipway/images/attest/keyless/certify"
	"github.com/slipway-build/slipway/images/attest/keyless/keylesstest"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/imagetest"
)

const (
	payloadType = "application/vnd.in-toto+json"
	statement   = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"}}],"predicateType":"https://example.com/p","predicate":{}}`
)

var content = sign.Bytes([]byte("content"))

// A case signs with some services.
type services struct{ tsa, rekor bool }

func signer(t testing.TB, s *keylesstest.Services, use services) *certify.Signer {
	t.Helper()
	o := certify.Options{Fulcio: s.Fulcio, Token: func(context.Context) (string, error) { return keylesstest.Token(time.Hour), nil }}
	if use.tsa {
		o.TSA = s.TSA
	}
	if use.rekor {
		o.Rekor = s.Rekor
	}
	made, err := certify.NewSigner(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func verifier(t testing.TB, root []byte, who keyless.Identity) []sign.Verifier {
	t.Helper()
	r, err := keyless.ParseRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	v, err := r.Verifier(who)
	if err != nil {
		t.Fatal(err)
	}
	return []sign.Verifier{v}
}

func message(t testing.TB, by sign.Signer) []byte {
	t.Helper()
	raw, err := sign.SignMessage(t.Context(), by, content)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func envelope(t testing.TB, by sign.Signer) []byte {
	t.Helper()
	raw, err := sign.SignEnvelope(t.Context(), by, payloadType, []byte(statement))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// verify verifies a bundle of the content or of the statement.
func verify(t testing.TB, raw []byte, m sign.Message, by []sign.Verifier) error {
	t.Helper()
	b, err := sign.ParseBundle(raw)
	if err != nil {
		return err
	}
	if b.IsEnvelope() {
		_, err = b.VerifyEnvelope(t.Context(), by)
	} else {
		_, err = b.VerifyMessage(t.Context(), m, by)
	}
	return err
}

var known = keyless.Identity{Subject: keylesstest.Subject, Issuer: keylesstest.Issuer}

func TestSignaturesOfAnIdentity(t *testing.T) {
	s := keylesstest.Start(t)
	for name, c := range map[string]struct {
		use  services
		root []string
		want string // of the error
	}{
		"timestamp":                          {services{tsa: true}, []string{"tsa"}, ""},
		"timestamp and promise of a log":     {services{tsa: true}, []string{"tsa", "ctlog"}, ""},
		"log":                                {services{rekor: true}, []string{"rekor", "ctlog"}, ""},
		"both":                               {services{true, true}, []string{"tsa", "rekor", "ctlog"}, ""},
		"both, and the root knows one":       {services{true, true}, []string{"tsa"}, ""},
		"timestamp, and the root has a log":  {services{tsa: true}, []string{"tsa", "rekor"}, "the trusted root has a log, and the bundle has no entry of a log"},
		"log, and the root has no log":       {services{rekor: true}, []string{"tsa"}, "nothing that the trusted root knows states when it was made"},
		"timestamp, and the root knows none": {services{tsa: true}, []string{"rekor"}, "the bundle has no entry of a log"},
	} {
		t.Run(name, func(t *testing.T) {
			by := signer(t, s, c.use)
			for what, raw := range map[string][]byte{"message": message(t, by), "envelope": envelope(t, by)} {
				err := verify(t, raw, content, verifier(t, s.Root(c.root...), known))
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%s: error %v, want %q", what, err, c.want)
				}
			}
		})
	}
}

func TestOtherIdentities(t *testing.T) {
	s, others := keylesstest.Start(t), keylesstest.Start(t)
	by := signer(t, s, services{true, true})
	root := s.Root("tsa", "rekor", "ctlog")
	bundles := map[string][]byte{"message": message(t, by), "envelope": envelope(t, by)}
	for name, c := range map[string]struct {
		root []byte
		who  keyless.Identity
		want string
	}{
		"patterns":                 {root, keyless.Identity{SubjectRegexp: "^releases@", IssuerRegexp: `^https://token\.example\.com$`}, ""},
		"another subject":          {root, keyless.Identity{Subject: "other@example.com", Issuer: keylesstest.Issuer}, "it is signed by releases@example.com (https://token.example.com), not by other@example.com ("},
		"another issuer":           {root, keyless.Identity{Subject: keylesstest.Subject, Issuer: "https://other.example.com"}, "not by releases@example.com (https://other.example.com)"},
		"another pattern":          {root, keyless.Identity{SubjectRegexp: "^x", Issuer: keylesstest.Issuer}, "not by /^x/"},
		"another Fulcio":           {others.Root("tsa"), known, "its timestamp"},
		"another log":              {others.Root("rekor"), known, "the trusted root has no log with ID"},
		"another log and its time": {others.Root("rekor", "tsa"), known, "the trusted root has no log with ID"},
	} {
		for what, raw := range bundles {
			err := verify(t, raw, content, verifier(t, c.root, c.who))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s, %s: error %v, want %q", name, what, err, c.want)
			}
		}
	}
	if err := verify(t, bundles["message"], sign.Bytes([]byte("other")), verifier(t, root, known)); err == nil {
		t.Error("other content is trusted")
	}
	if err := verify(t, bundles["message"], sign.Bytes([]byte("other")), verifier(t, s.Root("tsa"), known)); err == nil {
		t.Error("other content is trusted, where no log has the digest")
	}
	// The services of one are mixed with the Fulcio of the other.
	for _, root := range [][]byte{mixed(t, s.Root("tsa"), others.Root("tsa")), mixed(t, s.Root("rekor"), others.Root("rekor"))} {
		if err := verify(t, bundles["message"], content, verifier(t, root, known)); err == nil || !strings.Contains(err.Error(), "its certificate was not valid on") {
			t.Errorf("another Fulcio: error %v", err)
		}
	}
}

// mixed returns the trusted root a with the certificate authorities of b.
func mixed(t testing.TB, a, b []byte) []byte {
	t.Helper()
	first, second := fields(t, a), fields(t, b)
	first["certificateAuthorities"] = second["certificateAuthorities"]
	return encoded(t, first)
}

func TestCertificatesThatEnded(t *testing.T) {
	s := keylesstest.Start(t)
	s.Lifetime.Store(int64(-time.Minute))
	by := signer(t, s, services{true, true})
	for _, root := range []string{"tsa", "rekor"} {
		err := verify(t, message(t, by), content, verifier(t, s.Root(root), known))
		if err == nil || !strings.Contains(err.Error(), "its certificate was not valid on") {
			t.Errorf("%s: error %v", root, err)
		}
	}
	// Without a timestamp, nobody knows whether the certificate was valid.
	s.Lifetime.Store(int64(time.Hour))
	changed := fields(t, message(t, signer(t, s, services{tsa: true})))
	delete(changed["verificationMaterial"].(map[string]any), "timestampVerificationData")
	if err := verify(t, encoded(t, changed), content, verifier(t, s.Root("tsa"), known)); err == nil || !strings.Contains(err.Error(), "states when it was made") {
		t.Errorf("error %v", err)
	}
}

func TestCosignVerifiesAnIdentity(t *testing.T) {
	cosign := imagetest.Program(t, "cosign")
	s := keylesstest.Start(t)
	for name, c := range map[string]struct {
		use  services
		root []string
		args []string
	}{
		"timestamp": {services{tsa: true}, []string{"tsa", "ctlog"}, []string{"--insecure-ignore-tlog", "--use-signed-timestamps"}},
		"log":       {services{rekor: true}, []string{"rekor", "ctlog"}, nil},
		"both":      {services{true, true}, []string{"tsa", "rekor", "ctlog"}, []string{"--use-signed-timestamps"}},
	} {
		t.Run(name, func(t *testing.T) {
			by := signer(t, s, c.use)
			dir := t.TempDir()
			for name, content := range map[string][]byte{"file": []byte("content"), "bundle": message(t, by), "statement": envelope(t, by), "root": s.Root(c.root...)} {
				if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			run := func(want bool, args ...string) {
				t.Helper()
				cmd := exec.Command(cosign, append(append(args, c.args...), "file")...)
				cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
				if out, err := cmd.CombinedOutput(); (err == nil) != want {
					t.Errorf("%v: %v: %s", args, err, out)
				}
			}
			identity := []string{"--trusted-root", "root", "--certificate-identity", keylesstest.Subject, "--certificate-oidc-issuer", keylesstest.Issuer}
			run(true, append([]string{"verify-blob", "--bundle", "bundle"}, identity...)...)
			run(true, append([]string{"verify-blob-attestation", "--type", "https://example.com/p", "--bundle", "statement"}, identity...)...)
			identity[3] = "other@example.com"
			run(false, append([]string{"verify-blob", "--bundle", "bundle"}, identity...)...)
		})
	}
}

// What cosign signs is verified.
func TestBundlesOfCosign(t *testing.T) {
	cosign := imagetest.Program(t, "cosign")
	s := keylesstest.Start(t)
	dir := t.TempDir()
	for name, content := range map[string]string{"file": "content", "token": keylesstest.Token(time.Hour)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(cosign, "sign-blob", "--yes", "--use-signing-config=false", "--new-bundle-format", "--fulcio-url", s.Fulcio, "--timestamp-server-url", s.TSA,
		"--tlog-upload=true", "--rekor-url", s.Rekor, "--insecure-skip-verify", "--identity-token", "token", "--bundle", "bundle", "file")
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "bundle"))
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(t, raw, content, verifier(t, s.Root("tsa", "rekor", "ctlog"), known)); err != nil {
		t.Error(err)
	}
}

// Those who sign refuse a certificate that no log of the root has promised to contain.
func TestAcceptNeedsAPromise(t *testing.T) {
	s, other := keylesstest.Start(t), keylesstest.Start(t)
	raw, err := sign.ParseBundle(message(t, signer(t, s, services{tsa: true})))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw.Content().GetVerificationMaterial().GetCertificate().GetRawBytes())
	if err != nil {
		t.Fatal(err)
	}
	root := fields(t, s.Root("tsa", "ctlog"))
	if err := verifier(t, encoded(t, root), known)[0].(*keyless.Verifier).Accept(certificate); err != nil {
		t.Error(err)
	}
	root["ctlogs"] = fields(t, other.Root("tsa", "ctlog"))["ctlogs"]
	if err := verifier(t, encoded(t, root), known)[0].(*keyless.Verifier).Accept(certificate); err == nil || !strings.Contains(err.Error(), "its certificate: ") {
		t.Errorf("a log that the root does not have: error %v", err)
	}
}
