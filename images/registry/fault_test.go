package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/registry/transport"
)

func TestTemporaryFailuresAreRetried(t *testing.T) {
	hang := func(w http.ResponseWriter) bool { panic(http.ErrAbortHandler) }
	for name, fault := range map[string]func(w http.ResponseWriter) bool{
		"429": func(w http.ResponseWriter) bool {
			w.Header().Set("Retry-After", "0")
			return refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "slow down")
		},
		"408": func(w http.ResponseWriter) bool { return refuse(w, http.StatusRequestTimeout, "UNKNOWN", "late") },
		"503": func(w http.ResponseWriter) bool {
			return refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "later")
		},
		"connection closed":       hang,
		"500 with a proxy's page": func(w http.ResponseWriter) bool { http.Error(w, "<html>\noops", 500); return true },
	} {
		t.Run(name, func(t *testing.T) {
			var faulty atomic.Bool
			f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, n int) bool {
				// Every request fails the first time: login, manifest, blobs, uploads.
				return faulty.Load() && n <= 1 && fault(w)
			})
			ref := f.host + "/imgx:v1"
			img := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 1000))
			imagetest.Push(t, ref, img)
			faulty.Store(true)
			c := newClient(t)
			pulled, err := c.Image(t.Context(), ref, linux)
			if err != nil {
				t.Fatal(err)
			}
			if err := readAll(pulled); err != nil {
				t.Fatal(err)
			}
			made := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 2, 1000))
			if _, err := c.Push(t.Context(), parse(t, f.host+"/imgy:v1"), made); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAttemptsAreLimited(t *testing.T) {
	f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		return r.URL.Path != "/v2/" && refuse(w, http.StatusBadGateway, "UNKNOWN", "no upstream")
	})
	_, err := newClient(t).Image(t.Context(), f.host+"/imgx:v1", linux)
	wantError(t, err, "registry "+f.host+" does not answer", "502", "no upstream", "5 tries")
	if n := f.reads("manifests"); n != 5 {
		t.Errorf("%d tries; want 5", n)
	}
}

func TestRefusedRequestsAreNotRetried(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404} {
		f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
			return r.URL.Path != "/v2/" && refuse(w, status, "SOMETHING", "said the registry")
		})
		_, err := newClient(t).Image(t.Context(), f.host+"/org/x:v1", linux)
		wantError(t, err, f.host, "/org/x:v1")
		if n := f.reads("manifests"); n != 1 {
			t.Errorf("%d: %d tries; want 1", status, n)
		}
		want := map[int]error{401: fs.ErrPermission, 403: fs.ErrPermission, 404: fs.ErrNotExist}[status]
		if want != nil && !errors.Is(err, want) {
			t.Errorf("%d: %v does not wrap %v", status, err, want)
		}
		if status == 401 || status == 403 {
			wantError(t, err, "slipway login "+f.host, "none were found")
		}
	}
}

func TestMissingImage(t *testing.T) {
	host := imagetest.Registry(t)
	imagetest.Push(t, host+"/org/x:v1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "x"})))
	_, err := newClient(t).Image(t.Context(), host+"/org/x:v2", linux)
	wantError(t, err, "registry "+host+" has no image "+host+"/org/x:v2")
}

func TestRefusedConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	l.Close()
	c := newClient(t)
	c.pace.First = time.Hour // it would be noticed
	_, err = c.Image(t.Context(), host+"/imgx:v1", linux)
	wantError(t, err, "registry "+host+" does not answer", "dial")
}

func TestServerThatIsNotARegistry(t *testing.T) {
	f := newFront(t, "127.0.0.1:1", func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		http.NotFound(w, r)
		return true
	})
	_, err := newClient(t).Image(t.Context(), f.host+"/imgx:v1", linux)
	wantError(t, err, f.host+" is not a registry")
}

func TestLongRetryAfterIsNotAwaited(t *testing.T) {
	f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		w.Header().Set("Retry-After", "7200")
		return refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "pull rate limit")
	})
	_, err := newClient(t).Image(t.Context(), f.host+"/imgx:v1", linux)
	wantError(t, err, "429", "pull rate limit", "2h0m0s")
}

func TestAnEndedContextEndsTheWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		cancel()
		w.Header().Set("Retry-After", "60")
		return refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "later")
	})
	_, err := newClient(t).Image(ctx, f.host+"/imgx:v1", linux)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestCancellingOneOfTwoSharedFetches(t *testing.T) {
	c := newClient(t)
	began := make(chan struct{})
	first, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		err := c.share(first, "blob", func() error {
			close(began)
			<-first.Done()
			return transport.Ended(first)
		})
		if !transport.IsEnded(err) {
			t.Errorf("the first: %v", err)
		}
	})
	<-began
	done := make(chan error, 1)
	go func() { done <- c.share(t.Context(), "blob", func() error { return nil }) }()
	stop()
	if err := <-done; err != nil {
		t.Errorf("the second: %v", err)
	}
	group.Wait()
}

// basic returns a front that accepts only user bob, and counts the accepted requests.
func basic(t *testing.T) *front {
	return newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		if user, password, ok := r.BasicAuth(); ok && user == "bob" && password == secret {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		return refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "who are you")
	})
}

// bearer is basic with tokens, which anyone can get at /token.
func bearer(t *testing.T) *front {
	var f *front
	f = newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path == "/token" {
			user, password, _ := r.BasicAuth()
			_ = r.ParseForm()
			if user == "bob" && password == secret || r.PostForm.Get("refresh_token") == secret {
				fmt.Fprintf(w, `{"access_token":%q}`, "t-"+secret)
				return true
			}
			return refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "wrong password")
		}
		if r.Header.Get("Authorization") == "Bearer t-"+secret {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test"`, f.host))
		return refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "who are you")
	})
	return f
}

func TestCredentials(t *testing.T) {
	dockerConfig := func(format string, args ...any) func(*testing.T, *Options, string) {
		return func(t *testing.T, o *Options, host string) {
			file := filepath.Join(t.TempDir(), "config.json")
			o.AuthFiles = []string{file}
			text := strings.ReplaceAll(fmt.Sprintf(format, args...), "HOST", host)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	given := func(a authn.AuthConfig) func(*testing.T, *Options, string) {
		return func(_ *testing.T, o *Options, host string) { o.Credentials = map[string]authn.AuthConfig{host: a} }
	}
	encoded := base64.StdEncoding.EncodeToString([]byte("bob:" + secret))
	wrong := base64.StdEncoding.EncodeToString([]byte("eve:" + secret + "!"))
	for name, c := range map[string]struct {
		front func(*testing.T) *front
		set   func(*testing.T, *Options, string)
		words []string // of the error
	}{
		"basic, given":                 {basic, given(authn.AuthConfig{Username: "bob", Password: secret}), nil},
		"basic, Docker's config":       {basic, dockerConfig(`{"auths":{"HOST":{"auth":%q}}}`, encoded), nil},
		"basic, of a repository":       {basic, dockerConfig(`{"auths":{"HOST":{"auth":%q},"HOST/org":{"auth":%q}}}`, wrong, encoded), nil},
		"basic, none":                  {basic, dockerConfig(`{}`), []string{"requires credentials", "none were found", "slipway login"}},
		"basic, wrong":                 {basic, given(authn.AuthConfig{Username: "eve", Password: secret}), []string{"does not accept user eve of slipway's settings", "slipway login"}},
		"bearer, given":                {bearer, given(authn.AuthConfig{Username: "bob", Password: secret}), nil},
		"bearer, Docker's config":      {bearer, dockerConfig(`{"auths":{"http://HOST/v1/":{"auth":%q}}}`, encoded), nil},
		"bearer, identity token":       {bearer, dockerConfig(`{"auths":{"HOST":{"identitytoken":%q}}}`, secret), nil},
		"bearer, registry token":       {bearer, given(authn.AuthConfig{RegistryToken: "t-" + secret}), nil},
		"bearer, none":                 {bearer, dockerConfig(`{}`), []string{"none were found", "slipway login"}},
		"bearer, wrong":                {bearer, dockerConfig(`{"auths":{"HOST":{"auth":%q}}}`, wrong), []string{"does not accept user eve of", "config.json", "wrong password"}},
		"a helper that does not exist": {basic, dockerConfig(`{"credsStore":"is-not-installed"}`), []string{"none were found", "docker-credential-is-not-installed"}},
		"a config that is not JSON":    {basic, dockerConfig(`{`), []string{"none were found", "config.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := c.front(t)
			client := newClient(t, func(o *Options) { c.set(t, o, f.host) })
			made := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 1000))
			d, err := client.Push(t.Context(), parse(t, f.host+"/org/x:v1"), made)
			if c.words != nil {
				wantError(t, err, append(c.words, f.host)...)
				if !errors.Is(err, fs.ErrPermission) {
					t.Errorf("%v does not wrap fs.ErrPermission", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			img, err := client.Image(t.Context(), f.host+"/org/x@"+d.Digest.String(), linux)
			if err != nil {
				t.Fatal(err)
			}
			if err := readAll(img); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestACredentialHelperIsAsked(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the helper is a shell script")
	}
	f := basic(t)
	bin, dir := t.TempDir(), t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nread host\n[ \"$1 $host\" = \"get %s\" ] || exit 1\necho '{\"Username\":\"bob\",\"Secret\":\"%s\"}'\n", f.host, secret)
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	config := fmt.Sprintf(`{"credHelpers":{%q:"test"}}`, f.host)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, func(o *Options) { o.AuthFiles = []string{filepath.Join(dir, "config.json")} })
	made := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "x"}))
	if _, err := c.Push(t.Context(), parse(t, f.host+"/imgx:v1"), made); err != nil {
		t.Error(err)
	}
}

func TestSignedAddressesStaySecret(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	made := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "x"}))
	config, err := made.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		if !isGet(r, "blobs") || strings.HasSuffix(r.URL.Path, config.String()) {
			return false
		}
		http.Redirect(w, r, "http://"+closed+"/blob?signature="+secret, http.StatusTemporaryRedirect)
		return true
	})
	ref := f.host + "/imgx:v1"
	imagetest.Push(t, ref, made)
	ctx, shown := watched(t)
	img, err := newClient(t).Image(ctx, ref, linux)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, readAll(img), f.host, "does not answer", closed)
	for _, line := range shown.take() {
		wantError(t, errors.New(line), "failed", closed)
	}
}
