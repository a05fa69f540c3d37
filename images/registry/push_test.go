package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
)

func release(t *testing.T) v1.ImageIndex {
	shared := imagetest.RandomLayer(t, 1, 200_000)
	return imagetest.Attest(t, imagetest.Index(t,
		imagetest.Image(t, "linux/amd64", shared, imagetest.Layer(t, imagetest.Files{"f": "amd64"})),
		imagetest.Image(t, "linux/arm64", shared, imagetest.Layer(t, imagetest.Files{"f": "arm64"})),
		imagetest.Image(t, "windows/amd64:10.0.20348.4294", imagetest.WindowsLayer(t, imagetest.Files{"f": "windows"})),
	), imagetest.AttestationArtifact)
}

func TestPushIsIdempotent(t *testing.T) {
	for name, start := range map[string]func(testing.TB) string{
		"go-containerregistry": imagetest.Registry, "docker-registry": imagetest.DistributionRegistry, "distribution 3": imagetest.Distribution3Registry,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, start(t), nil)
			index := release(t)
			ref := parse(t, f.host+"/org/x:v1")
			ctx, shown := watched(t)
			d, err := newClient(t).Push(ctx, ref, index)
			if err != nil {
				t.Fatal(err)
			}
			if d.Digest != digestOf(t, index) {
				t.Errorf("pushed %s", d.Digest)
			}
			pushed, err := remote.Index(ref)
			if err != nil {
				t.Fatal(err)
			}
			complete(t, pushed)
			if lines := shown.take(); len(lines) != 1 {
				t.Errorf("shown: %q", lines)
			} else {
				var done, total int64
				if _, err := fmt.Sscanf(lines[0], "push "+f.host+"/org/x:v1 %d/%d", &done, &total); err != nil || done != total || total < 200_000 {
					t.Errorf("shown: %q, %v", lines[0], err)
				}
			}

			f.forget()
			if _, err := newClient(t).Push(ctx, ref, index); err != nil {
				t.Fatal(err)
			}
			if n := f.count("POST ") + f.count("PUT "); n != 0 {
				t.Errorf("pushing again sends %q", f.asked)
			}
			if diff := cmp.Diff([]string{"push " + f.host + "/org/x:v1 0/0 cached"}, shown.take()); diff != "" {
				t.Errorf("shown (-want +got):\n%s", diff)
			}

			f.forget()
			if _, err := newClient(t).Push(ctx, parse(t, f.host+"/org/x:v2"), index); err != nil {
				t.Fatal(err)
			}
			if n := f.count("POST ") + f.count("PUT "); n != 1 {
				t.Errorf("another tag sends %q; want its manifest alone", f.asked)
			}
		})
	}
}

// The tag of an index is sent last. A push that is canceled at any request sets no tag, and the next push completes it.
func TestTheTagComesLast(t *testing.T) {
	index := release(t)
	f := newFront(t, imagetest.Registry(t), nil)
	if _, err := newClient(t).Push(t.Context(), parse(t, f.host+"/org/x:v1"), index); err != nil {
		t.Fatal(err)
	}
	if last := f.asked[lastPut(f)]; last != "PUT /v2/org/x/manifests/v1" {
		t.Errorf("the last thing sent is %q", last)
	}
	for sent := range f.count("PUT ") - 1 {
		ctx, cancel := context.WithCancel(t.Context())
		var puts atomic.Int64
		f := newFront(t, imagetest.Registry(t), func(_ *front, _ http.ResponseWriter, r *http.Request, _ int) bool {
			if r.Method != http.MethodPut || puts.Add(1) <= int64(sent) {
				return false
			}
			cancel()
			return true
		})
		ref := parse(t, f.host+"/org/x:v1")
		if _, err := newClient(t).Push(ctx, ref, index); !errors.Is(err, context.Canceled) {
			t.Fatalf("ended at request %d: %v, want context.Canceled", sent+1, err)
		}
		if _, err := remote.Head(ref); err == nil {
			t.Errorf("ended at request %d, the push has set the tag", sent+1)
		}
		if _, err := newClient(t).Push(t.Context(), parse(t, strings.Replace(ref.Name(), f.host, f.registry, 1)), index); err != nil {
			t.Errorf("pushing again: %v", err)
		}
	}
}

// complete reads an index with all its images.
func complete(t *testing.T, index v1.ImageIndex) {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range manifest.Manifests {
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if images.IsAttestation(d) {
			continue
		}
		if err := validate.Image(img); err != nil {
			t.Error(err)
		}
	}
}

func lastPut(f *front) (n int) {
	for i, line := range f.asked {
		if len(line) > 4 && line[:4] == "PUT " {
			n = i
		}
	}
	return n
}

func TestSharedLayersAreSentOnce(t *testing.T) {
	f := newFront(t, imagetest.DistributionRegistry(t), nil)
	index := release(t)
	if _, err := newClient(t).Push(t.Context(), parse(t, f.host+"/imgx:v1"), index); err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	blobs := map[v1.Hash]bool{}
	for _, d := range manifest.Manifests {
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		m, err := img.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range append(m.Layers, m.Config) {
			blobs[l.Digest] = true
		}
	}
	if n := f.count("PUT /v2/imgx/blobs/uploads/"); n != len(blobs) {
		t.Errorf("%d blobs were sent; want %d", n, len(blobs))
	}
}

func TestBlobsAreMountedFromOtherRepositories(t *testing.T) {
	f := newFront(t, imagetest.DistributionRegistry(t), nil)
	made := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 1000))
	imagetest.Push(t, f.host+"/a/x:v1", made)
	c := newClient(t)
	img, err := c.Image(t.Context(), f.host+"/a/x:v1", linux)
	if err != nil {
		t.Fatal(err)
	}
	f.forget()
	if _, err := c.Push(t.Context(), parse(t, f.host+"/b/y:v1"), img); err != nil {
		t.Fatal(err)
	}
	if n := f.count("PUT /v2/b/y/blobs/"); n != 0 || f.reads("blobs") != 0 {
		t.Errorf("blobs moved: %q", f.asked)
	}
	pulled, err := remote.Image(parse(t, f.host+"/b/y:v1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(pulled); err != nil {
		t.Error(err)
	}
}

// A layer is fetched from one registry while it is pushed to another, with one transfer slot for both.
func TestCopyingBetweenRegistriesWithOneSlot(t *testing.T) {
	from, to := imagetest.Registry(t), imagetest.DistributionRegistry(t)
	imagetest.Push(t, from+"/imgx:v1", release(t))
	c := newClient(t, func(o *Options) { o.Jobs = 1 })
	m, err := c.Resolve(t.Context(), parse(t, from+"/imgx:v1"))
	if err != nil {
		t.Fatal(err)
	}
	index, err := m.Index()
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Push(t.Context(), parse(t, to+"/imgy:v1"), index)
	if err != nil {
		t.Fatal(err)
	}
	if d.Digest != digestOf(t, release(t)) {
		t.Errorf("pushed %s", d.Digest)
	}
}

func TestPushByDigest(t *testing.T) {
	host := imagetest.Registry(t)
	c := newClient(t)
	made := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "x"}))
	ref := host + "/imgx@" + digestOf(t, made).String()
	if _, err := c.Push(t.Context(), parse(t, ref), made); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Image(t.Context(), ref, linux); err != nil {
		t.Error(err)
	}
	other := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "y"}))
	_, err := c.Push(t.Context(), parse(t, ref), other)
	wantError(t, err, digestOf(t, other).String())
}

func TestARegistryThatRewritesManifestsIsNoticed(t *testing.T) {
	f := newFront(t, imagetest.Registry(t), func(_ *front, w http.ResponseWriter, r *http.Request, n int) bool {
		if r.Method != http.MethodHead || r.URL.Path != "/v2/imgx/manifests/v1" || n == 1 {
			return false
		}
		w.Header().Set("Docker-Content-Digest", "sha256:"+fmt.Sprintf("%064d", 7))
		w.WriteHeader(http.StatusOK)
		return true
	})
	made := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "x"}))
	_, err := newClient(t).Push(t.Context(), parse(t, f.host+"/imgx:v1"), made)
	wantError(t, err, f.host, digestOf(t, made).String(), "but reports")
}

func TestInterruptedUploadIsRestarted(t *testing.T) {
	var broken atomic.Int32
	f := newFront(t, imagetest.DistributionRegistry(t), func(_ *front, _ http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method != http.MethodPut || r.ContentLength < half || broken.Add(1) > 2 {
			return false
		}
		if _, err := io.ReadFull(r.Body, make([]byte, half/2)); err != nil {
			t.Error(err)
		}
		panic(http.ErrAbortHandler)
	})
	made := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 2*half))
	if _, err := newClient(t).Push(t.Context(), parse(t, f.host+"/imgx:v1"), made); err != nil {
		t.Fatal(err)
	}
	if n := broken.Load(); n != 3 {
		t.Errorf("the layer was sent %d times; want 3", n)
	}
}

// Images are pushed on their own and as children of an index at the same time. The registry writes manifests in place,
// so that a concurrent read of one fails.
func TestConcurrentPushesOfTheSameImages(t *testing.T) {
	host := imagetest.DistributionRegistry(t)
	index := imagetest.WindowsBase(t, "10.0.17763.1", "10.0.20348.1", "10.0.26100.1")
	c := newClient(t)
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 5 {
		var g errgroup.Group
		for n, d := range m.Manifests {
			image, err := index.Image(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			g.Go(func() error {
				_, err := c.Push(t.Context(), parse(t, fmt.Sprintf("%s/acme/base:%d-%d", host, round, n)), image)
				return err
			})
		}
		g.Go(func() error {
			_, err := c.Push(t.Context(), parse(t, fmt.Sprintf("%s/acme/base:%d", host, round)), index)
			return err
		})
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
}
