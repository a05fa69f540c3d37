package sign

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

const password = "pass word"

// runCosign runs cosign in dir, without any configuration of the user.
func runCosign(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(imagetest.Program(t, "cosign"), args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "COSIGN_PASSWORD=" + password}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func save(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCosignVerifiesFiles(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, "file", []byte("content"))
	save(t, dir, "other", []byte("other content"))
	for name, key := range newKeys(t) {
		bundle, err := SignMessage(t.Context(), key, Bytes([]byte("content")))
		if err != nil {
			t.Fatal(err)
		}
		save(t, dir, "bundle", bundle)
		save(t, dir, "key.pub", key.PublicKey().PEM())
		if out, err := runCosign(t, dir, "verify-blob", "--key", "key.pub", "--bundle", "bundle", "--insecure-ignore-tlog", "file"); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
		if out, err := runCosign(t, dir, "verify-blob", "--key", "key.pub", "--bundle", "bundle", "--insecure-ignore-tlog", "other"); err == nil {
			t.Errorf("%s: other content is verified: %s", name, out)
		}
	}
}

func TestCosignVerifiesStatements(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, "file", []byte("content"))
	statement := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"file","digest":` +
		`{"sha256":"ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"}}],"predicateType":"https://example.com/p/v1","predicate":{}}`
	for name, key := range newKeys(t) {
		bundle, err := SignEnvelope(t.Context(), key, payloadType, []byte(statement))
		if err != nil {
			t.Fatal(err)
		}
		save(t, dir, "bundle", bundle)
		save(t, dir, "key.pub", key.PublicKey().PEM())
		if out, err := runCosign(t, dir, "verify-blob-attestation", "--key", "key.pub", "--bundle", "bundle", "--insecure-ignore-tlog",
			"--type", "https://example.com/p/v1", "file"); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

func TestFilesAndStatementsOfCosign(t *testing.T) {
	dir := t.TempDir()
	if out, err := runCosign(t, dir, "generate-key-pair"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	save(t, dir, "file", []byte("content"))
	save(t, dir, "predicate", []byte(`{"a":1}`))
	common := []string{"--yes", "--key", "cosign.key", "--use-signing-config=false", "--tlog-upload=false", "--bundle"}
	for _, args := range [][]string{
		append(append([]string{"sign-blob"}, common...), "message", "file"),
		append(append([]string{"attest-blob", "--predicate", "predicate", "--type", "https://example.com/p/v1"}, common...), "envelope", "file"),
	} {
		if out, err := runCosign(t, dir, args...); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	read := func(name string) []byte { return must(os.ReadFile(filepath.Join(dir, name)))(t) }
	keys, err := ParsePublicKeys(read("cosign.pub"))
	if err != nil {
		t.Fatal(err)
	}
	b := mustParse(t, read("message"))
	if _, err := b.VerifyMessage(t.Context(), Bytes([]byte("content")), Verifiers(keys...)); err != nil || b.Hint() != keys[0].Hint() {
		t.Errorf("message signature with hint %q: %v", b.Hint(), err)
	}
	if e, err := mustParse(t, read("envelope")).VerifyEnvelope(t.Context(), Verifiers(keys...)); err != nil || e.PayloadType != payloadType {
		t.Errorf("envelope %+v: %v", e, err)
	}
	key, err := ParsePrivateKey(read("cosign.key"), func() ([]byte, error) { return []byte(password), nil })
	if err != nil || key.PublicKey().Hint() != keys[0].Hint() {
		t.Errorf("private key: %v", err)
	}
}

func TestCosignUsesOurKeys(t *testing.T) {
	dir := t.TempDir()
	key, file, err := GenerateKey([]byte(password))
	if err != nil {
		t.Fatal(err)
	}
	save(t, dir, "our.key", file)
	if out, err := runCosign(t, dir, "public-key", "--key", "our.key"); err != nil || out != string(key.PublicKey().PEM()) {
		t.Errorf("%v: %s", err, out)
	}
}
