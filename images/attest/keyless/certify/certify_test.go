package certify

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/attest/keyless/keylesstest"
	"github.com/slipway-build/slipway/images/attest/sign"
)

func always(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

// signWith makes one signature.
func signWith(t *testing.T, o Options) error {
	t.Helper()
	signer, err := NewSigner(o)
	if err == nil {
		_, err = sign.SignMessage(t.Context(), signer, sign.Bytes([]byte("content")))
	}
	return err
}

func TestTokensThatEnd(t *testing.T) {
	s := keylesstest.Start(t)
	err := signWith(t, Options{Fulcio: s.Fulcio, TSA: s.TSA, Token: always(keylesstest.Token(-time.Minute))})
	if err == nil || !strings.Contains(err.Error(), "the identity token has ended, 1m") {
		t.Errorf("error %v", err)
	}

	// The certificate ends between two signatures, and the token has ended by then.
	s.Lifetime.Store(int64(margin / 2))
	token := keylesstest.Token(time.Hour)
	signer, err := NewSigner(Options{Fulcio: s.Fulcio, TSA: s.TSA, Token: func(context.Context) (string, error) { return token, nil }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sign.SignMessage(t.Context(), signer, sign.Bytes([]byte("content"))); err != nil || s.Certificates.Load() != 1 {
		t.Errorf("%d certificates, error %v", s.Certificates.Load(), err)
	}
	token = keylesstest.Token(-time.Second)
	if _, err := sign.SignMessage(t.Context(), signer, sign.Bytes([]byte("content"))); err == nil || !strings.Contains(err.Error(), "signatures that were made stay") {
		t.Errorf("error %v", err)
	}
}

func TestOneCertificateForManySignatures(t *testing.T) {
	s := keylesstest.Start(t)
	s.Failing.Store(1) // it is asked again
	signer, err := NewSigner(Options{Fulcio: s.Fulcio, Rekor: s.Rekor, Token: always(keylesstest.Token(time.Hour))})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := sign.SignMessage(t.Context(), signer, sign.Bytes([]byte("content"))); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Certificates.Load(); n != 1 {
		t.Errorf("%d certificates", n)
	}
}

// If the answer of Rekor is lost, the same proposal is a conflict: the entry is taken from where the answer says, on the
// same host.
func TestALostAnswerOfRekor(t *testing.T) {
	s := keylesstest.Start(t)
	s.Lost.Store(1)
	o := Options{Fulcio: s.Fulcio, Rekor: s.Rekor, Token: always(keylesstest.Token(time.Hour))}
	signer, err := NewSigner(o)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := sign.SignMessage(t.Context(), signer, sign.Bytes([]byte("content")))
	if err != nil {
		t.Fatal(err)
	}
	if n := s.Entries.Load(); n != 2 || !strings.Contains(string(raw), `"tlogEntries"`) {
		t.Errorf("%d requests; the bundle is %s", n, raw)
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			t.Error("another host was asked for the entry")
		}
		w.Header().Set("Location", strings.Replace("http://"+r.Host, "127.0.0.1", "localhost", 1)+"/api/v1/log/entries/1")
		http.Error(w, "it exists", http.StatusConflict)
	}))
	defer elsewhere.Close()
	o.Rekor = elsewhere.URL
	if err := signWith(t, o); err == nil || !strings.Contains(err.Error(), "409 Conflict: it exists") {
		t.Errorf("error %v", err)
	}
}

func TestRefusedTokens(t *testing.T) {
	s := keylesstest.Start(t)
	valid := keylesstest.Token(time.Hour)
	unverified := strings.Split(valid, ".")
	unverified[1] = "eyJlbWFpbCI6ImFAZXhhbXBsZS5jb20iLCJleHAiOjk5OTk5OTk5OTl9" // {"email":"a@example.com","exp":9999999999}
	for name, c := range map[string]struct {
		options Options
		want    string
	}{
		"not a JWT":         {Options{Fulcio: s.Fulcio, TSA: s.TSA, Token: always("a secret of somebody")}, "invalid identity token"},
		"e-mail":            {Options{Fulcio: s.Fulcio, TSA: s.TSA, Token: always(strings.Join(unverified, "."))}, "its issuer has not verified"},
		"plain HTTP":        {Options{Fulcio: "http://192.0.2.1", TSA: s.TSA, Token: always(valid)}, "only over https"},
		"no proof of time":  {Options{Fulcio: s.Fulcio, Token: always(valid)}, "missing timestamp authority or Rekor"},
		"refused by Fulcio": {Options{Fulcio: s.Fulcio, TSA: s.TSA, Token: always("x" + valid)}, "400 Bad Request: the token is not accepted"},
		"not a Fulcio":      {Options{Fulcio: s.Fulcio + "/x", TSA: s.TSA, Token: always(valid)}, "/x: 404 Not Found"},
		"no token":          {Options{Fulcio: s.Fulcio, TSA: s.TSA, Token: func(context.Context) (string, error) { return "", errors.New("none") }}, "none"},
	} {
		err := signWith(t, c.options)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
			continue
		}
		for _, part := range append(strings.Split(valid, "."), "a secret of somebody") {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error has the token: %v", name, err)
			}
		}
	}
}

func TestTokensOfGitHub(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet || r.URL.Query().Get("audience") != "sigstore" || r.URL.Query().Get("api-version") != "2":
			http.Error(w, "no such token", http.StatusNotFound)
		case r.Header.Get("Authorization") != "Bearer secret-of-the-job":
			http.Error(w, "denied: "+r.Header.Get("Authorization"), http.StatusForbidden)
		case r.URL.Path == "/moved":
			http.Redirect(w, r, "/token", http.StatusFound)
		case r.URL.Path == "/empty":
			w.Write([]byte(`{}`)) // ignore error: the client reports it
		default:
			w.Write([]byte(`{"count":1,"value":"a.b.c"}`)) // ignore error: the client reports it
		}
	}))
	t.Cleanup(server.Close)
	for path, c := range map[string]struct{ bearer, want string }{
		"/token?api-version=2": {"secret-of-the-job", ""},
		"/empty?api-version=2": {"secret-of-the-job", "the answer has none"},
		"/moved?api-version=2": {"secret-of-the-job", "302 Found"},
		"/other?api-version=2": {"secret-of-others", "403 Forbidden: denied"},
		"/token":               {"secret-of-the-job", "404 Not Found"},
	} {
		token, err := GitHubToken(t.Context(), server.URL+path, c.bearer)
		if c.want == "" && (err != nil || token != "a.b.c") || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %q, error %v, want %q", path, token, err, c.want)
		}
	}
}
