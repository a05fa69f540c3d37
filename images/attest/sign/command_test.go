package sign

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/imagetest"
)

// A signing program that is this test, started again: what it does is in SIGN_TEST.
func TestMain(m *testing.M) {
	switch os.Getenv("SIGN_TEST") {
	case "":
		os.Exit(m.Run())
	case "hang":
		time.Sleep(time.Hour)
	case "print the key":
		os.Stdout.WriteString("-----BEGIN PRIVATE KEY-----\nvery secret")
		os.Stderr.WriteString("very secret")
	case "fail":
		os.Stdout.WriteString("very secret")
		os.Stderr.WriteString("very secret")
		os.Exit(3)
	case "flood":
		for range 10000 {
			os.Stdout.WriteString(strings.Repeat("very secret", 100))
		}
	}
	os.Exit(0)
}

func TestCommandsThatDoNotSign(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	key := newKeys(t)["P-256"]
	for does, want := range map[string]string{
		"hang":          "did not end within",
		"print the key": "printed 39 bytes that are not a signature by the public key",
		"fail":          "exit status 3",
		"flood":         "printed more than",
		"nothing":       "printed 0 bytes",
	} {
		t.Run(does, func(t *testing.T) {
			limit := time.Minute
			if does == "hang" {
				limit = 50 * time.Millisecond
			}
			c := &Command{Args: []string{self, "very secret"}, Env: append(os.Environ(), "SIGN_TEST="+does), Public: key.PublicKey(), Limit: limit}
			_, err := SignMessage(t.Context(), c, Bytes([]byte("content")))
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "very secret") {
				t.Errorf("error %v, want %q", err, want)
			}
		})
	}
	missing := &Command{Args: []string{filepath.Join(t.TempDir(), "missing")}, Public: key.PublicKey(), Limit: time.Minute}
	if _, err := SignMessage(t.Context(), missing, Bytes(nil)); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a missing program: %v", err)
	}
}

func TestOpensslAsCommand(t *testing.T) {
	openssl := imagetest.Program(t, "openssl")
	file := filepath.Join(t.TempDir(), "key.pem")
	if out, err := exec.Command(openssl, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	public := parse(t, text).PublicKey()
	for name, args := range map[string][]string{
		"bytes":  {openssl, "dgst", "-sha256", "-sign", file},
		"base64": {"sh", "-c", `openssl dgst -sha256 -sign "$0" | base64`, file},
	} {
		c := &Command{Args: args, Env: os.Environ(), Public: public, Limit: time.Minute}
		signed, err := SignMessage(t.Context(), c, written(t, "content"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := mustParse(t, signed).VerifyMessage(t.Context(), Bytes([]byte("content")), Verifiers(public)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if signed, err = SignEnvelope(t.Context(), c, payloadType, []byte("{}")); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := mustParse(t, signed).VerifyEnvelope(t.Context(), Verifiers(public)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
