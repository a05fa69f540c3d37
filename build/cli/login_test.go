package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoginChecksAndStores(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "right" {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	file := filepath.Join(t.TempDir(), "auth.json")
	for _, c := range []struct {
		args, stdin string
		status      int
		says        string
	}{
		{"login " + host, "right", 2, "-u USER"},
		{"login http://" + host + " -u me", "right", 2, "without a scheme"},
		{"login " + host + " -u me", "", 2, "standard input is empty"},
		{"login " + host + " -u me", "wrong\n", 1, "does not accept user me of this login"},
		{"login " + host + " -u me", "right\n", 0, "logged in to " + host + " as me; stored in " + file},
		{"logout " + host, "", 0, "removed the credentials of " + host + " from " + file},
	} {
		status, out, errs := runReading(t, map[string]string{"REGISTRY_AUTH_FILE": file}, c.stdin, strings.Fields(c.args)...)
		out += errs
		if status != c.status || !strings.Contains(out, c.says) {
			t.Errorf("%s: %d, %q; want %d, %q", c.args, status, out, c.status, c.says)
		}
		raw, _ := os.ReadFile(file)
		if stored := strings.Contains(string(raw), host); stored != (strings.HasPrefix(c.args, "login") && c.status == 0) {
			t.Errorf("%s: the file has %s", c.args, raw)
		}
	}
}
