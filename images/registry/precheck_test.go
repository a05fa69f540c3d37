package registry

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

func TestTaggedAndCheckPush(t *testing.T) {
	memory := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	for _, c := range []struct {
		name   string
		bend   func(w http.ResponseWriter, r *http.Request) bool // true: bend has answered
		tagged bool                                              // whether the tag is found
		push   string                                            // wanted error of CheckPush
	}{
		{"as it should be", func(http.ResponseWriter, *http.Request) bool { return false }, true, ""},
		{"without digests in answers", func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodHead {
				return false
			}
			recorder := httptest.NewRecorder()
			memory.ServeHTTP(recorder, r)
			w.WriteHeader(recorder.Code)
			return true
		}, true, ""},
		{"what cannot be looked at", func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			return true
		}, false, ""},
		{"for readers", func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				return false
			}
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}, true, "requires credentials to push repository team/app"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(memory)
			defer server.Close()
			image := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"a": ""}))
			imagetest.Push(t, strings.TrimPrefix(server.URL, "http://")+"/team/app:v1", image)
			var uploads int
			bent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut || r.Method == http.MethodPatch {
					uploads++
				}
				if !c.bend(w, r) {
					memory.ServeHTTP(w, r)
				}
			}))
			defer bent.Close()
			s, err := store.Open(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			client := New(Options{Store: s})
			ref, err := name.NewTag(strings.TrimPrefix(bent.URL, "http://") + "/team/app:v1")
			if err != nil {
				t.Fatal(err)
			}
			want, err := image.Digest()
			if err != nil {
				t.Fatal(err)
			}
			digest, ok, err := client.Tagged(t.Context(), ref)
			if err != nil || ok != c.tagged || ok && digest != want {
				t.Errorf("tagged: %s, %v, %v; want %s, %v", digest, ok, err, want, c.tagged)
			}
			if _, ok, err := client.Tagged(t.Context(), ref.Context().Tag("v2")); err != nil || ok {
				t.Errorf("a tag that does not exist: %v, %v", ok, err)
			}
			if err := client.CheckPush(t.Context(), ref.Context()); (c.push == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.push) {
				t.Errorf("push: %v, want %q", err, c.push)
			}
			if uploads > 0 {
				t.Error("something was sent")
			}
		})
	}
}
