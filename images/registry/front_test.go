package registry

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// A front is a proxy before a registry that records the requests and injects faults.
type front struct {
	host     string
	registry string // the host of the registry

	mu    sync.Mutex
	asked []string
	proxy http.Handler // the registry
}

// newFront starts a front for a registry. If fault returns true, it has answered in place of the
// registry. n counts the requests with the same method and path, from 1.
func newFront(t *testing.T, registry string, fault func(f *front, w http.ResponseWriter, r *http.Request, n int) bool) *front {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: registry})
	quiet := log.New(io.Discard, "", 0)
	proxy.ErrorLog = quiet
	f := &front{proxy: proxy, registry: registry}
	counts := map[string]int{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		line := r.Method + " " + r.URL.Path
		f.asked = append(f.asked, line)
		// Each upload has a path of its own, which must not affect the count.
		kind, _, _ := strings.Cut(line, "/uploads/")
		counts[kind]++
		n := counts[kind]
		f.mu.Unlock()
		if fault == nil || !fault(f, w, r, n) {
			proxy.ServeHTTP(w, r)
		}
	}))
	server.Config.ErrorLog = quiet
	server.Start()
	t.Cleanup(server.Close)
	f.host = strings.TrimPrefix(server.URL, "http://")
	return f
}

// count returns the number of requests that begin with prefix.
func (f *front) count(prefix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, line := range f.asked {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

// reads returns the number of GETs of blobs or manifests.
func (f *front) reads(kind string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, line := range f.asked {
		if strings.HasPrefix(line, "GET ") && strings.Contains(line, "/"+kind+"/") {
			n++
		}
	}
	return n
}

func (f *front) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = nil
}

func isGet(r *http.Request, kind string) bool {
	return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/"+kind+"/")
}

// refuse answers with an error as registries write it.
func refuse(w http.ResponseWriter, status int, code, message string) bool {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
	return true
}

// cut is a ResponseWriter that breaks the connection after left bytes.
type cut struct {
	http.ResponseWriter
	left int
}

func (c *cut) Write(p []byte) (int, error) {
	if len(p) > c.left {
		c.ResponseWriter.Write(p[:c.left])
		http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

// newClient returns a client with short delays between attempts.
func newClient(t *testing.T, options ...func(*Options)) *Client {
	t.Helper()
	o := Options{}
	for _, set := range options {
		set(&o)
	}
	if o.Store == nil {
		s, err := store.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		o.Store = s
	}
	c := New(o)
	c.pace.First = time.Millisecond
	c.settle = time.Millisecond
	return c
}

func parse(t *testing.T, ref string) name.Reference {
	t.Helper()
	parsed, err := images.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// readAll reads, and thereby fetches, the config and all layers of an image.
func readAll(img v1.Image) error {
	if _, err := img.ConfigFile(); err != nil {
		return err
	}
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r)
		if err := r.Close(); err != nil {
			return err
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func digestOf(t *testing.T, d interface{ Digest() (v1.Hash, error) }) v1.Hash {
	t.Helper()
	h, err := d.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// wantError checks that err is one line that contains all words and no secret.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one of %q", words)
	}
	text := err.Error()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("error %q lacks %q", text, w)
		}
	}
	if strings.Contains(text, "\n") {
		t.Errorf("the error has several lines: %q", text)
	}
	if strings.Contains(text, secret) {
		t.Errorf("the error contains the secret: %q", text)
	}
}

// secret is the value of every password and token.
const secret = "open-sesame"

// tasks records progress.
type tasks struct {
	mu   sync.Mutex
	done []string
	// warned has the warnings.
	warned []string
}

func (s *tasks) Started(*progress.Task)      {}
func (s *tasks) Line(*progress.Task, string) {}
func (s *tasks) Warning(message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warned = append(s.warned, message)
}
func (s *tasks) Finished(t *progress.Task, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	done, total := t.Bytes()
	line := fmt.Sprintf("%s %d/%d", t.Name, done, total)
	if t.Cached() {
		line += " cached"
	}
	if err != nil {
		line += " failed: " + err.Error()
	}
	s.done = append(s.done, line)
}

func (s *tasks) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := slices.Clone(s.done)
	s.done = nil
	return lines
}

func watched(t *testing.T) (context.Context, *tasks) {
	s := &tasks{}
	return progress.With(t.Context(), s), s
}
