package release

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/internal/testfile"
	"github.com/slipway-build/slipway/progress"
)

// TestMain makes the test program a signer, such as one of an HSM, where slipway.yaml passes it RELEASE_TEST_SIGNER.
func TestMain(m *testing.M) {
	does := os.Getenv("RELEASE_TEST_SIGNER")
	if does == "" {
		os.Exit(m.Run())
	}
	if err := actAsSigner(does, os.Getenv("SIGNER_KEY")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func actAsSigner(does, key string) error {
	switch does {
	case "hang":
		time.Sleep(time.Hour)
	case "sign slowly":
		time.Sleep(20 * time.Millisecond)
	case "print":
		for range 1000 {
			fmt.Println(key)
			fmt.Fprintln(os.Stderr, key)
		}
	case "print and fail":
		fmt.Print(key)
		return fmt.Errorf("cannot use the key %s", key)
	}
	block, _ := pem.Decode([]byte(key))
	if block == nil {
		return fmt.Errorf("SIGNER_KEY is not PEM")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return err
	}
	digest := sha256.New()
	if _, err := io.Copy(digest, os.Stdin); err != nil {
		return err
	}
	signature, err := ecdsa.SignASN1(rand.Reader, private.(*ecdsa.PrivateKey), digest.Sum(nil))
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(signature)
	return err
}

// hsmRelease is makeSmallRelease with a program that signs.
func hsmRelease(t *testing.T) *testRelease {
	t.Helper()
	r := makeSmallRelease(t)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	r.env["SIGNER_KEY"] = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	r.env["RELEASE_TEST_SIGNER"] = "sign"
	testfile.Write(t, filepath.Join(r.dir, "release.pub"), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r.configure("publish:\n", fmt.Sprintf("sign: {command: [%q, release key], secrets: [RELEASE_TEST_SIGNER, SIGNER_KEY], timeout: 1m, public-key: release.pub, attach: [referrers, tags]}\npublish:\n", self))
	return r
}

func TestAProgramSignsARelease(t *testing.T) {
	r := hsmRelease(t)
	r.run("package")
	before := read(t, filepath.Join(r.dir, "dist", "proof"))
	if len(before) != 8 {
		t.Errorf("%d signatures of images, want 2 of each image and index", len(before))
	}
	// This key makes another signature each time. Valid ones stay, so that a release does not change.
	r.run("package")
	for name, text := range read(t, filepath.Join(r.dir, "dist", "proof")) {
		if before[name] != text {
			t.Errorf("%s was signed again", name)
		}
	}
	delete(r.env, "SIGNER_KEY") // the public key is enough
	if err := r.verify(); err != nil {
		t.Error(err)
	}
	r.run("publish")
	r.checkCosign(filepath.Join(r.dir, "release.pub"), 4)
}

// A signer may hang, or print its key. Neither stops the release for longer than timeout, nor shows the key.
func TestProgramsThatDoNotSignARelease(t *testing.T) {
	r := hsmRelease(t)
	secrets := strings.Split(strings.TrimSpace(r.env["SIGNER_KEY"]), "\n")[1:]
	r.run("build")
	for does, want := range map[string]string{
		"hang":           "did not end within",
		"print":          "printed more than 16384 bytes: want a signature and nothing else",
		"print and fail": "exit status 1 (its output is not shown, because it may contain secrets)",
	} {
		t.Run(does, func(t *testing.T) {
			r.env["RELEASE_TEST_SIGNER"] = does
			if does == "hang" {
				r.configure("timeout: 1m", "timeout: 300ms")
				defer r.configure("timeout: 300ms", "timeout: 1m")
			}
			for _, parts := range [][]string{{"airgap"}, {"bundles"}} { // the first signs archives, too
				said := &heard{}
				err := r.open().Run(progress.With(context.WithoutCancel(t.Context()), said), plan.Selection{Verb: "package", Parts: parts})
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("package %s: error %v, want %q", parts, err, want)
				}
				if len(err.Error()) > 4096 {
					t.Errorf("package %s: the error has %d bytes", parts, len(err.Error()))
				}
				for _, line := range secrets[:len(secrets)-1] {
					for what, text := range map[string]string{"the error": err.Error(), "the log": said.String()} {
						if strings.Contains(text, line) {
							t.Errorf("package %s: %s has the key", parts, what)
						}
					}
				}
			}
			for name := range r.files("dist") {
				if strings.HasSuffix(name, ".sigstore.json") {
					t.Errorf("%s was written", name)
				}
			}
		})
	}
}
