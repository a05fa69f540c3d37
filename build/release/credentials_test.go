package release

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// privateRegistry starts a registry with two paths, each for one user.
func privateRegistry(t *testing.T, passwords map[string]string) (host string) {
	t.Helper()
	memory := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, password, _ := req.BasicAuth()
		area, _, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/v2/"), "/")
		if password == "" || passwords[user] != password || area != "" && area != user {
			w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		memory.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestDestinationsHaveTheirOwnCredentials(t *testing.T) {
	t.Parallel()
	r := makeRelease(t)
	host := privateRegistry(t, map[string]string{"alice": "alice's", "bob": "bob's"})
	r.configure("  - {registry: \""+r.registry+"\"}\n", `  - {registry: "`+host+`", repository: alice, credentials: {username: "${ALICE}", password: "${ALICE_PASSWORD}"}}
  - {registry: "`+host+`", repository: bob/mirror, credentials: {username: "${BOB}", password: "${BOB_PASSWORD}"}}
  - {oci: "`+host+`/bob/files", credentials: {username: "${BOB}", password: "${BOB_PASSWORD}"}}
`)
	r.run("package")
	err := r.try(r.open(), "publish")
	for _, want := range []string{"slipway.yaml:24:", "environment variable ALICE is not set: it must contain the user for the registry " + host + "/alice",
		"environment variable BOB_PASSWORD is not set: it must contain the password for the OCI artifact " + host + "/bob/files"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error: %v", want, err)
		}
	}
	r.env["ALICE"], r.env["ALICE_PASSWORD"], r.env["BOB"], r.env["BOB_PASSWORD"] = "alice", "alice's", "bob", "wrong-password"
	err = r.try(r.open(), "publish")
	if err == nil || strings.Contains(err.Error(), "wrong-password") || !strings.Contains(err.Error(), "bob/mirror/acme-runtime") {
		t.Errorf("with a wrong password, the error is %v", err)
	}
	r.env["BOB_PASSWORD"] = "bob's"
	if err := r.try(r.open(), "publish"); err != nil {
		t.Error(err)
	}
}
