package registry

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/imagetest"
)

var server2019 = v1.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.17763.1"}

// windowsOn pushes an image whose base is a foreign layer with the given URLs. It returns the image
// and the layer.
func windowsOn(t *testing.T, ref string, urls ...string) (made v1.Image, foreign v1.Layer) {
	t.Helper()
	foreign = imagetest.ForeignLayer(t, imagetest.Files{"Files/base": "x"}, urls...)
	made = imagetest.Image(t, "windows/amd64:"+server2019.OSVersion, foreign, imagetest.WindowsLayer(t, imagetest.Files{"own": "x"}))
	imagetest.Push(t, ref, made)
	return made, foreign
}

// serving serves the bytes of a layer at /layer. get returns the layer when the first request
// arrives.
func serving(t *testing.T, get func() v1.Layer) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != "" {
			t.Error("the server of the URL received credentials")
		}
		if r.URL.Path != "/layer" || get() == nil {
			http.NotFound(w, r)
			return
		}
		content, err := get().Compressed()
		if err != nil {
			t.Error(err)
			return
		}
		defer content.Close()
		_, _ = io.Copy(w, content)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/layer", asked
}

func TestForeignLayersAreAskedFor(t *testing.T) {
	nothing := func() v1.Layer { return nil }
	for name, inRegistry := range map[string]bool{"the registry has it": true, "its second URL has it": false} {
		t.Run(name, func(t *testing.T) {
			var layer v1.Layer
			missing, _ := serving(t, nothing)
			url, asked := serving(t, func() v1.Layer { return layer })
			f := newFront(t, imagetest.Registry(t), nil)
			ref := f.host + "/org/base:v1"
			made, foreign := windowsOn(t, ref, missing, url)
			layer = foreign
			if inRegistry {
				if err := remote.WriteLayer(parse(t, ref).Context(), plainLayer{foreign}); err != nil {
					t.Fatal(err)
				}
			}
			f.forget()
			c := newClient(t)
			img, err := c.Image(t.Context(), ref, server2019)
			if err != nil {
				t.Fatal(err)
			}
			if err := readAll(img); err != nil {
				t.Fatal(err)
			}
			if want := map[bool]int32{true: 0, false: 1}[inRegistry]; asked.Load() != want {
				t.Errorf("the URL was requested %d times; want %d", asked.Load(), want)
			}
			if f.count("GET /v2/org/base/blobs/"+digestOf(t, foreign).String()) != 1 {
				t.Errorf("the layer was not requested from the registry: %q", f.asked)
			}
			layers, err := img.Layers()
			if err != nil {
				t.Fatal(err)
			}
			d, err := layers[0].(interface {
				Descriptor() (*v1.Descriptor, error)
			}).Descriptor()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{missing, url}, d.URLs); diff != "" {
				t.Errorf("URLs (-want +got):\n%s", diff)
			}

			// The push continues with the other layers.
			target := newFront(t, imagetest.Registry(t), nil)
			pushed, err := c.Push(t.Context(), parse(t, target.host+"/org/copy:v1"), img)
			if err != nil || pushed.Digest != digestOf(t, made) {
				t.Fatalf("pushed %v, %v", pushed.Digest, err)
			}
			if n := target.count("PUT /v2/org/copy/blobs/"); n != 3 {
				t.Errorf("%d blobs were sent; want 3", n)
			}
		})
	}
}

// plainLayer hides the foreign media type, because go-containerregistry does not push layers that
// have it.
type plainLayer struct{ v1.Layer }

func (plainLayer) MediaType() (types.MediaType, error) { return types.DockerLayer, nil }

func TestMissingForeignLayer(t *testing.T) {
	url, _ := serving(t, func() v1.Layer { return nil })
	host := imagetest.Registry(t)
	made, foreign := windowsOn(t, host+"/org/base:v1", url+"?signature="+secret)
	c := newClient(t)
	img, err := c.Image(t.Context(), host+"/org/base:v1", server2019)
	if err != nil {
		t.Fatal(err)
	}
	err = readAll(img)
	wantError(t, err, digestOf(t, foreign).String(), "not found anywhere", "has no blob", url+": 404")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not wrap fs.ErrNotExist", err)
	}

	// The registry accepts the image without the layer, and the user gets a warning.
	ctx, shown := watched(t)
	pushed, err := c.Push(ctx, parse(t, host+"/org/copy:v1"), img)
	if err != nil || pushed.Digest != digestOf(t, made) {
		t.Fatalf("pushed %v, %v", pushed.Digest, err)
	}
	warned := strings.Join(shown.warned, "\n")
	if !strings.Contains(warned, digestOf(t, foreign).String()) || strings.Contains(warned, secret) {
		t.Errorf("warnings %q", warned)
	}
}
