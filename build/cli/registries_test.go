package cli

import (
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/imagetest"
)

// Every setting for access to a registry affects the requests.
func TestHowRegistriesAreReached(t *testing.T) {
	registry := imagetest.Registry(t)
	imagetest.Push(t, registry+"/org/x:v1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "x"})))
	server := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: registry}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	secure := strings.TrimPrefix(server.URL, "https://")

	// One folder is in Docker's format, the other in containerd's.
	certs, other := t.TempDir(), t.TempDir()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	name := func(host string) string { return strings.ReplaceAll(host, ":", "_") + "_" }
	for file, text := range map[string]string{
		filepath.Join(certs, name(secure), "ca.crt"):       string(ca),
		filepath.Join(other, name(registry), "hosts.toml"): "server = \"https://" + registry + "\"\n",
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	both := map[string]string{"SLIPWAY_CERTS_DIR": certs + string(os.PathListSeparator) + other}
	for _, c := range []struct {
		args   string
		env    map[string]string
		status int
		says   string
	}{
		{"index inspect " + secure + "/org/x:v1", nil, 1, "not trusted here"},
		{"index inspect " + secure + "/org/x:v1", both, 0, "linux/amd64"},
		{"index inspect " + registry + "/org/x:v1", nil, 0, "linux/amd64"},
		{"index inspect " + registry + "/org/x:v1", both, 1, "--plain-http " + registry},
		{"index inspect --plain-http " + registry + " " + registry + "/org/x:v1", both, 0, "linux/amd64"},
		{"index inspect " + registry + "/org/x:v1", map[string]string{"SLIPWAY_CERTS_DIR": other, "SLIPWAY_PLAIN_HTTP": "a.example, " + registry}, 0, "linux/amd64"},
		{"index inspect --plain-http http://a x", nil, 2, `registry "http://a": want HOST or HOST:PORT`},
		{"index inspect x", map[string]string{"SLIPWAY_PLAIN_HTTP": "http://a"}, 2, "environment SLIPWAY_PLAIN_HTTP"},
	} {
		status, out, errs := run(t, c.env, strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s with %v: %d, %q; want %d, %q", c.args, c.env, status, out+errs, c.status, c.says)
		}
	}
}
