package cli

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/images/imagetest"
)

// A rebuild has no private key, and a program that signs makes other bytes each time.
func TestASignedReleaseIsBuiltAgain(t *testing.T) {
	openssl := imagetest.Program(t, "openssl")
	t.Setenv("SLIPWAY_TEST_MAIN", "1")
	secret := filepath.Join(t.TempDir(), "release.key")
	private, public := keyPair(1)
	for name, settings := range map[string]string{
		"command": fmt.Sprintf("{command: [%q, dgst, -sha256, -sign, %q], public-key: release.pub}", openssl, secret),
		"key":     "{key: release.key}",
	} {
		dir, config := project(t)
		airgap, suffix := "airgap:\n", ""
		if name == "command" {
			airgap, suffix = "airgap:\n  split: 2KB\n", ".part002"
		}
		if err := os.WriteFile(secret, []byte(private), 0o600); err != nil {
			t.Fatal(err)
		}
		writeFiles(t, dir, map[string]string{".gitignore": "dist\nrelease.key\n", "release.pub": public, "release.key": private})
		raw, err := os.ReadFile(config)
		if err != nil {
			t.Fatal(err)
		}
		writeFiles(t, dir, map[string]string{"slipway.yaml": strings.Replace(string(raw), "airgap:\n", airgap, 1) + "sign: " + settings + "\n"})
		commit(t, dir)
		env := map[string]string{"SLIPWAY_CACHE": t.TempDir()}
		good := func(args ...string) string {
			t.Helper()
			status, stdout, stderr := run(t, env, append(args, "--config", config)...)
			if status != 0 {
				t.Fatalf("%s: slipway %v: exit status %d\n%s%s", name, args, status, stdout, stderr)
			}
			return stdout
		}
		good("package")
		if err := os.Remove(secret); err != nil {
			t.Fatal(err)
		}
		attested := filepath.Join(t.TempDir(), "vsa.json")
		if out := good("verify", "--rebuild", "--attest", attested); !strings.Contains(out, " artifacts equal to dist (signatures were not compared)") {
			t.Errorf("%s: verify --rebuild says %s", name, out)
		}
		summary, err := os.ReadFile(attested)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := statement.Read(summary); err != nil || strings.Contains(string(summary), ".sigstore.json") || !strings.Contains(string(summary), "acme-images.linux-amd64.tar.zst") {
			t.Errorf("%s: the summary is about %v, %v", name, s.Subjects, err)
		}

		artifacts := filepath.Join(dir, "dist", "artifacts")
		requests := map[string]int{}
		files := http.FileServer(http.Dir(artifacts))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests[r.URL.Path]++
			files.ServeHTTP(w, r)
		}))
		for _, where := range []string{artifacts, server.URL} {
			good("verify", "--rebuild", "--against", where)
		}
		server.Close()
		if n := requests["/acme-images.linux-amd64.tar.zst"+suffix]; n != 1 {
			t.Errorf("%s: an archive was downloaded %d times", name, n)
		}
	}
}
