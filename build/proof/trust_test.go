package proof

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestSourcesOfTokens(t *testing.T) {
	github := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"value":"of GitHub"}`)) // ignore error: the client reports it
	}))
	t.Cleanup(github.Close)
	job := map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": github.URL, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x"}
	with := func(name, value string) map[string]string {
		out := map[string]string{name: value}
		for k, v := range job {
			out[k] = v
		}
		return out
	}
	for name, c := range map[string]struct {
		variable string
		env      map[string]string
		want     string
		err      string
	}{
		"cosign's variable":         {"", with("SIGSTORE_ID_TOKEN", "of cosign"), "of cosign", ""},
		"GitHub":                    {"", job, "of GitHub", ""},
		"a variable":                {"MY_TOKEN", with("MY_TOKEN", "mine"), "mine", ""},
		"a variable, and GitHub":    {"MY_TOKEN", job, "", "set the environment variable MY_TOKEN, as identity-token says"},
		"nothing":                   {"", nil, "", "set the environment variable SIGSTORE_ID_TOKEN; a job of GitHub needs the permission id-token: write instead"},
		"GitHub without permission": {"", map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": github.URL}, "", "id-token: write"},
	} {
		k := &Keyless{Token: c.variable}
		token, err := k.token(t.Context(), func(name string) (string, bool) { v, ok := c.env[name]; return v, ok })
		if token != c.want || c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %q, error %v; want %q, %q", name, token, err, c.want, c.err)
		}
	}
}
