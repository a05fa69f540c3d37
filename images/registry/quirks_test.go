package registry

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/images/imagetest"
)

// isUpload reports whether r sends a blob.
func isUpload(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/uploads/")
}

func isManifest(r *http.Request, method string) bool {
	return r.Method == method && strings.Contains(r.URL.Path, "/manifests/")
}

func threeLayers(t *testing.T) v1.Image { return layersFrom(t, 300_000) }

func layersFrom(t *testing.T, first int64) v1.Image {
	return imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, first),
		imagetest.RandomLayer(t, 2, 200_000), imagetest.Layer(t, imagetest.Files{"f": "x"}))
}

// pushed pushes made, and checks that it arrived and that progress counted each byte once.
func pushed(t *testing.T, c *Client, f *front, registry string, made v1.Image) {
	t.Helper()
	ctx, shown := watched(t)
	if _, err := c.Push(ctx, parse(t, f.host+"/org/x:v1"), made); err != nil {
		t.Fatal(err)
	}
	arrived, err := remote.Image(parse(t, registry+"/org/x:v1"))
	if err != nil {
		t.Fatal(err)
	}
	if digestOf(t, arrived) != digestOf(t, made) {
		t.Error("the pushed image differs")
	}
	if err := validate.Image(arrived, validate.Fast); err != nil {
		t.Error(err)
	}
	line := shown.take()[0]
	var done, total int64
	if _, err := fmt.Sscanf(line, "push "+f.host+"/org/x:v1 %d/%d", &done, &total); err != nil || done != total {
		t.Errorf("shown: %q, %v", line, err)
	}
}

// tokens is a registry whose tokens can be revoked.
type tokens struct {
	*front
	mu     sync.Mutex
	valid  string
	issued int
	scopes []string
}

// newTokens starts a front with a token server before registry. If revoke returns true for a
// request, all tokens expire after its body has been read.
func newTokens(t *testing.T, registry string, greets bool, revoke func(r *http.Request) bool) *tokens {
	s := &tokens{}
	s.front = newFront(t, registry, func(f *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case r.URL.Path == "/token":
			s.issued++
			s.scopes = r.URL.Query()["scope"]
			s.valid = fmt.Sprintf("token-%d", s.issued)
			fmt.Fprintf(w, `{"token":%q,"expires_in":300}`, s.valid)
			return true
		case r.URL.Path == "/v2/" && greets:
			return false
		case revoke != nil && revoke(r):
			_, _ = io.Copy(io.Discard, r.Body)
			s.valid = "none"
		}
		if r.Header.Get("Authorization") == "Bearer "+s.valid {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="test",error="invalid_token"`, f.host))
		return refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "token expired")
	})
	return s
}

func TestATokenMayExpireAtAnyTime(t *testing.T) {
	count := func(match func(*http.Request) bool, on ...int32) func(*http.Request) bool {
		var n atomic.Int32
		return func(r *http.Request) bool {
			if !match(r) {
				return false
			}
			at := n.Add(1)
			for _, want := range on {
				if at == want {
					return true
				}
			}
			return false
		}
	}
	post := func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path != "/token" }
	for name, revoke := range map[string]func(*http.Request) bool{
		"in the first upload":     count(isUpload, 1),
		"in several uploads":      count(isUpload, 1, 3, 5),
		"when an upload begins":   count(post, 2),
		"in a HEAD":               count(func(r *http.Request) bool { return r.Method == http.MethodHead }, 2),
		"in the manifest's PUT":   count(func(r *http.Request) bool { return isManifest(r, http.MethodPut) }, 1),
		"when the tag is checked": count(func(r *http.Request) bool { return isManifest(r, http.MethodHead) }, 3),
	} {
		t.Run(name, func(t *testing.T) {
			registry := imagetest.Registry(t)
			f := newTokens(t, registry, false, revoke)
			pushed(t, newClient(t), f.front, registry, threeLayers(t))
			if f.issued < 2 {
				t.Error("no token expired")
			}
		})
	}
	t.Run("in the GET of a blob", func(t *testing.T) {
		registry := imagetest.Registry(t)
		imagetest.Push(t, registry+"/org/x:v1", threeLayers(t))
		f := newTokens(t, registry, false, count(func(r *http.Request) bool { return isGet(r, "blobs") }, 1, 3))
		img, err := newClient(t).Image(t.Context(), f.host+"/org/x:v1", linux)
		if err != nil {
			t.Fatal(err)
		}
		if err := readAll(img); err != nil {
			t.Error(err)
		}
	})
	t.Run("when a blob is mounted", func(t *testing.T) {
		registry := imagetest.DistributionRegistry(t)
		imagetest.Push(t, registry+"/a/x:v1", threeLayers(t))
		f := newTokens(t, registry, false, count(post, 1))
		c := newClient(t)
		img, err := c.Image(t.Context(), f.host+"/a/x:v1", linux)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Push(t.Context(), parse(t, f.host+"/b/x:v1"), img); err != nil {
			t.Fatal(err)
		}
		if n := f.count("PUT /v2/b/x/blobs/"); n != 0 {
			t.Errorf("%d blobs were sent", n)
		}
	})
}

func TestRefusedTokensAreNotRequestedForever(t *testing.T) {
	f := newTokens(t, imagetest.Registry(t), false, isUpload)
	c := newClient(t)
	c.keys.Give(f.host, authn.AuthConfig{Username: "bob", Password: secret})
	_, err := c.Push(t.Context(), parse(t, f.host+"/org/x:v1"), threeLayers(t))
	wantError(t, err, "does not accept user bob")
	if f.issued > 50 { // 3 blobs, 5 attempts, 3 tokens, and some more
		t.Errorf("%d tokens were asked for", f.issued)
	}
}

func TestPublicRegistryThatRequiresALoginToPush(t *testing.T) {
	registry := imagetest.Registry(t)
	f := newTokens(t, registry, true, nil)
	pushed(t, newClient(t), f.front, registry, threeLayers(t))
	if strings.Join(f.scopes, " ") != "repository:org/x:push,pull" {
		t.Errorf("scopes %q", f.scopes)
	}
}

func TestAResetWhileWritingIsTriedAgain(t *testing.T) {
	made := layersFrom(t, 8<<20) // more than fits into a connection's buffers
	for _, at := range []int64{0, 1, 100_000, 4 << 20} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			registry := imagetest.Registry(t)
			var resets atomic.Int32
			f := newFront(t, registry, func(_ *front, w http.ResponseWriter, r *http.Request, n int) bool {
				if !isUpload(r) || r.ContentLength < 1<<20 || resets.Add(1) > 2 {
					return false
				}
				_, _ = io.CopyN(io.Discard, r.Body, at)
				reset(t, w)
				return true
			})
			pushed(t, newClient(t), f, registry, made)
		})
	}
}

// reset breaks a connection with RST, as a router or a killed process does.
func reset(t *testing.T, w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

func TestForgottenUploadIsRestarted(t *testing.T) {
	for status, code := range map[int]string{404: "BLOB_UPLOAD_UNKNOWN", 400: "BLOB_UPLOAD_INVALID", 416: "RANGE_INVALID"} {
		registry := imagetest.Registry(t)
		var lost atomic.Int32
		f := newFront(t, registry, func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
			if !isUpload(r) || lost.Add(1) > 2 {
				return false
			}
			_, _ = io.Copy(io.Discard, r.Body)
			return refuse(w, status, code, "no such upload")
		})
		pushed(t, newClient(t), f, registry, threeLayers(t))
	}
}

func TestMissingBlobIsSentAlthoughHEADSucceeds(t *testing.T) {
	registry := imagetest.DistributionRegistry(t)
	made := threeLayers(t)
	f := newFront(t, registry, func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method != http.MethodHead || !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		w.WriteHeader(http.StatusOK)
		return true
	})
	pushed(t, newClient(t), f, registry, made)
	if n := f.count("PUT /v2/org/x/manifests/"); n != 3 {
		t.Errorf("the manifest was sent %d times; want 3", n)
	}
}

func TestAMissingChildOfAnIndexIsSent(t *testing.T) {
	registry := imagetest.DistributionRegistry(t)
	index := release(t)
	f := newFront(t, registry, func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		if !isManifest(r, http.MethodHead) || !strings.Contains(r.URL.Path, "sha256:") {
			return false
		}
		w.Header().Set("Docker-Content-Digest", r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		w.WriteHeader(http.StatusOK)
		return true
	})
	if _, err := newClient(t).Push(t.Context(), parse(t, f.host+"/org/x:v1"), index); err != nil {
		t.Fatal(err)
	}
	arrived, err := remote.Index(parse(t, registry+"/org/x:v1"))
	if err != nil {
		t.Fatal(err)
	}
	complete(t, arrived)
}

func TestTagThatAppearsLate(t *testing.T) {
	one := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "one"}))
	two := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "two"}))
	for name, late := range map[string]func(w http.ResponseWriter){
		"denied":    func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
		"forbidden": func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) },
		"as it was": func(w http.ResponseWriter) {
			w.Header().Set("Docker-Content-Digest", digestOf(t, one).String())
			w.WriteHeader(http.StatusOK)
		},
	} {
		t.Run(name, func(t *testing.T) {
			registry := imagetest.Registry(t)
			imagetest.Push(t, registry+"/org/x:v1", one)
			var put, heads atomic.Int32
			f := newFront(t, registry, func(f *front, w http.ResponseWriter, r *http.Request, _ int) bool {
				if isManifest(r, http.MethodPut) {
					put.Store(1)
				}
				if isManifest(r, http.MethodHead) && put.Load() == 1 && heads.Add(1) <= 3 {
					late(w)
					return true
				}
				return false
			})
			pushed(t, newClient(t), f, registry, two)
		})
	}
	t.Run("never", func(t *testing.T) {
		f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
			return isManifest(r, http.MethodHead) && refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "")
		})
		_, err := newClient(t).Push(t.Context(), parse(t, f.host+"/org/x:v1"), two)
		wantError(t, err, "it accepted manifest "+digestOf(t, two).String(), "does not return it")
	})
}

func TestRefusedHEADIsIgnored(t *testing.T) {
	for _, status := range []int{400, 401, 403, 405} {
		registry := imagetest.Registry(t)
		var exists atomic.Bool
		f := newFront(t, registry, func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
			if isManifest(r, http.MethodPut) {
				exists.Store(true)
			}
			return r.Method == http.MethodHead && !exists.Load() && refuse(w, status, "DENIED", "not authorized")
		})
		pushed(t, newClient(t), f, registry, threeLayers(t))
	}
}

func TestBodiesFollowRedirects(t *testing.T) {
	for _, status := range []int{http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		registry := imagetest.Registry(t)
		var seen atomic.Int32
		storage := newFront(t, registry, func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
			seen.Add(1)
			if r.Header.Get("Authorization") != "" {
				t.Error("the storage received credentials")
			}
			return false
		})
		f := newFront(t, registry, func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
			if user, _, _ := r.BasicAuth(); user != "bob" {
				w.Header().Set("WWW-Authenticate", "Basic")
				return refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "")
			}
			if r.Method != http.MethodPut {
				return false
			}
			http.Redirect(w, r, "http://"+storage.host+r.URL.RequestURI(), status)
			return true
		})
		c := newClient(t)
		c.keys.Give(f.host, authn.AuthConfig{Username: "bob", Password: secret})
		pushed(t, c, f, registry, threeLayers(t))
		if n := seen.Load(); n != 5 {
			t.Errorf("%d: the storage was sent %d bodies; want 5", status, n)
		}
	}
}

// A registry may answer before it has read the body, and the client may then see only a broken
// connection. The next attempt therefore waits for the answer.
func TestAnswerBeforeTheBodyIsReadIsReported(t *testing.T) {
	for _, status := range []int{http.StatusTemporaryRedirect, http.StatusExpectationFailed} {
		registry := imagetest.Registry(t)
		made := layersFrom(t, 8<<20)
		var expected atomic.Int32
		f := newFront(t, registry, func(_ *front, w http.ResponseWriter, r *http.Request, n int) bool {
			if !isUpload(r) || r.ContentLength < 1<<20 {
				return false
			}
			switch {
			case r.Header.Get("Expect") != "":
				expected.Add(1)
				http.Redirect(w, r, "http://"+registry+r.URL.RequestURI(), status)
			case expected.Load() == 0:
				reset(t, w)
			default:
				return false
			}
			return true
		})
		pushed(t, newClient(t), f, registry, made)
		if n := expected.Load(); n != 1 {
			t.Errorf("%d attempts waited for an answer; want 1", n)
		}
	}
}

func TestSecretsEchoedByARegistryAreRedacted(t *testing.T) {
	encoded := base64.StdEncoding.EncodeToString([]byte("bob:" + secret))
	f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, _ int) bool {
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", "Basic")
			return refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "")
		}
		return refuse(w, http.StatusForbidden, "DENIED", strings.Repeat("x", 180)+" you sent "+r.Header.Get("Authorization")+" and "+secret)
	})
	c := newClient(t)
	c.keys.Give(f.host, authn.AuthConfig{Username: "bob", Password: secret})
	_, err := c.Push(t.Context(), parse(t, f.host+"/org/x:v1"), threeLayers(t))
	wantError(t, err, "you sent", "***")
	if strings.Contains(err.Error(), encoded[:6]) {
		t.Errorf("the error contains credentials: %v", err)
	}
}
