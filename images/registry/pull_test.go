package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

var linux = v1.Platform{OS: "linux", Architecture: "amd64"}

func TestAnImageIsPulledOnceAndThenFromTheStore(t *testing.T) {
	f := newFront(t, imagetest.Registry(t), nil)
	made := imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 300_000), imagetest.Layer(t, imagetest.Files{"bin/a": "a"}))
	ref := f.host + "/org/x:v1"
	imagetest.Push(t, ref, made)
	f.forget()

	ctx, shown := watched(t)
	c := newClient(t)
	img, err := c.Image(ctx, ref, linux)
	if err != nil {
		t.Fatal(err)
	}
	if digestOf(t, img) != digestOf(t, made) {
		t.Error("the pulled image differs")
	}
	// Choosing the platform takes the config, but no layer.
	if n := f.reads("blobs"); n != 1 {
		t.Errorf("%d blobs were asked for before any layer was read; want the config alone", n)
	}
	if err := validate.Image(img); err != nil {
		t.Error(err)
	}
	if n := f.reads("blobs"); n != 3 {
		t.Errorf("%d blobs were asked for; want config and two layers once each", n)
	}
	for _, line := range shown.take() {
		if !strings.HasPrefix(line, "pull "+ref+" ") || strings.Contains(line, "cached") {
			t.Errorf("shown: %q", line)
		}
	}

	f.forget()
	img, err = New(Options{Store: c.store}).Image(ctx, ref, linux)
	if err != nil {
		t.Fatal(err)
	}
	if err := readAll(img); err != nil {
		t.Fatal(err)
	}
	if f.count("HEAD /v2/org/x/manifests/v1") != 1 || f.reads("manifests")+f.reads("blobs") != 0 {
		t.Errorf("the second pull asked for %q; want only a check of the tag", f.asked)
	}
	if diff := cmp.Diff([]string{"pull " + ref + " 0/0 cached"}, shown.take()); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}

func TestMovedTagIsNoticed(t *testing.T) {
	host := imagetest.Registry(t)
	c := newClient(t)
	for _, content := range []string{"one", "two"} {
		made := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": content}))
		imagetest.Push(t, host+"/imgx:v1", made)
		img, err := c.Image(t.Context(), host+"/imgx:v1", linux)
		if err != nil {
			t.Fatal(err)
		}
		if digestOf(t, img) != digestOf(t, made) {
			t.Errorf("the tag did not move to %s", content)
		}
	}
}

func TestLayersAreFilesThatAreFetchedByPath(t *testing.T) {
	host := imagetest.Registry(t)
	imagetest.Push(t, host+"/imgx:v1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "x"})))
	c := newClient(t)
	img, err := c.Image(t.Context(), host+"/imgx:v1", linux)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	file, ok := layers[0].(store.FileLayer)
	if !ok {
		t.Fatalf("%T is not a store.FileLayer", layers[0])
	}
	h := digestOf(t, file)
	if c.store.Has(h) {
		t.Error("the layer was fetched before it was asked for")
	}
	path, err := file.Path(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil || path != c.store.Path(h) {
		t.Errorf("path %s, %v; want the store's", path, err)
	}
	info, err := file.Info(t.Context())
	if err != nil || info.Digest != h {
		t.Errorf("info %+v, %v", info, err)
	}
}

func TestWindowsVersionsAreChosenExactly(t *testing.T) {
	host := imagetest.Registry(t)
	base := imagetest.WindowsBase(t, "10.0.17763.7919", "10.0.20348.4294", "10.0.26100.4294")
	outer := mutate.AppendManifests(imagetest.Attest(t, base, imagetest.AttestationImage),
		mutate.IndexAddendum{Add: imagetest.Index(t, imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"linux": "x"})))})
	imagetest.Push(t, host+"/base:v1", outer)
	c := newClient(t)
	for want, has := range map[string]string{
		"windows/amd64:10.0.20348.4294": "10.0.20348.4294",
		"windows/amd64:10.0.26100.1":    "10.0.26100.4294",
		"linux/amd64":                   "",
	} {
		img, err := c.Image(t.Context(), host+"/base:v1", imagetest.Platform(t, want))
		if err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if err := readAll(img); err != nil {
			t.Error(err)
		}
		if config, err := img.ConfigFile(); err != nil || config.OSVersion != has {
			t.Errorf("%s: came with os.version %q, %v; want %q", want, config.OSVersion, err, has)
		}
	}
	_, err := c.Image(t.Context(), host+"/base:v1", imagetest.Platform(t, "windows/amd64:10.0.25398.1"))
	if missing := (*images.NoPlatformError)(nil); !errors.As(err, &missing) {
		t.Errorf("%v is not a NoPlatformError", err)
	}
	wantError(t, err, host+"/base:v1", "10.0.25398.1", "10.0.26100.4294")
}

func TestASingleImageHasItsConfigsPlatform(t *testing.T) {
	host := imagetest.Registry(t)
	imagetest.Push(t, host+"/imgx:v1", imagetest.Image(t, "linux/arm64", imagetest.Layer(t, imagetest.Files{"f": "x"})))
	c := newClient(t)
	_, err := c.Image(t.Context(), host+"/imgx:v1", linux)
	if missing := (*images.NoPlatformError)(nil); !errors.As(err, &missing) {
		t.Errorf("%v is not a NoPlatformError", err)
	}
	m, err := c.Resolve(t.Context(), parse(t, host+"/imgx:v1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Index(); err == nil {
		t.Error("Index accepts an image")
	}
}

// An index is pulled to another store completely: with artifacts, which have no root file system,
// and with layers that several images share.
func TestAWholeIndexIsPulled(t *testing.T) {
	host := imagetest.Registry(t)
	imagetest.Push(t, host+"/imgx:v1", release(t))
	m, err := newClient(t).Resolve(t.Context(), parse(t, host+"/imgx:v1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Image(); err == nil {
		t.Error("Image accepts an index")
	}
	index, err := m.Index()
	if err != nil {
		t.Fatal(err)
	}
	other, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	if err := other.AddIndex(t.Context(), index); err != nil {
		t.Fatal(err)
	}
	stored, err := other.Index(m.Descriptor.Digest)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, stored)
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range manifest.Manifests {
		img, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		layers, err := img.Layers()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range layers {
			diffID, err := l.DiffID()
			if err != nil {
				t.Fatal(err)
			}
			if found, err := img.LayerByDiffID(diffID); err != nil || digestOf(t, found) != digestOf(t, l) {
				t.Errorf("by diff ID: %v", err)
			}
			if found, err := img.LayerByDigest(digestOf(t, l)); err != nil || digestOf(t, found) != digestOf(t, l) {
				t.Errorf("by digest: %v", err)
			}
		}
		if config, err := img.ConfigName(); err != nil {
			t.Error(err)
		} else if _, err := img.LayerByDigest(config); err != nil {
			t.Error(err)
		}
	}
}

func TestOffline(t *testing.T) {
	f := newFront(t, imagetest.Registry(t), nil)
	ref := f.host + "/imgx:v1"
	index := imagetest.Index(t,
		imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "amd64"})),
		imagetest.Image(t, "linux/arm64", imagetest.Layer(t, imagetest.Files{"f": "arm64"})))
	imagetest.Push(t, ref, index)
	online := newClient(t)
	img, err := online.Image(t.Context(), ref, linux)
	if err != nil {
		t.Fatal(err)
	}
	if err := readAll(img); err != nil {
		t.Fatal(err)
	}

	f.forget()
	c := newClient(t, func(o *Options) { o.Store, o.Offline = online.store, true })
	img, err = c.Image(t.Context(), ref, linux)
	if err != nil {
		t.Fatal(err)
	}
	if err := readAll(img); err != nil {
		t.Error(err)
	}
	_, err = c.Image(t.Context(), ref, v1.Platform{OS: "linux", Architecture: "arm64"})
	wantError(t, err, "offline", ref+" linux/arm64", c.store.Dir())
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not wrap fs.ErrNotExist", err)
	}
	_, err = c.Image(t.Context(), f.host+"/other:v1", linux)
	wantError(t, err, "offline", "/other:v1")
	_, err = c.Push(t.Context(), parse(t, ref), img)
	wantError(t, err, "offline")
	if len(f.asked) != 0 {
		t.Errorf("offline, the registry was asked %q", f.asked)
	}

	// Content that came into the store in another way, such as from an archive, has a name there.
	made := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "archive"}))
	content := c.store.(*store.Store)
	if err := content.AddImage(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	if err := content.Tag(t.Context(), "docker.io/rancher/x:v1", v1.Descriptor{Digest: digestOf(t, made)}); err != nil {
		t.Fatal(err)
	}
	if img, err := c.Image(t.Context(), "rancher/x:v1", linux); err != nil {
		t.Error(err)
	} else if err := readAll(img); err != nil {
		t.Error(err)
	}
}

// half is the number of bytes of the layers below that arrive before the connection breaks.
const half = 100_000

func TestInterruptedBlobIsResumed(t *testing.T) {
	for name, start := range map[string]func(testing.TB) string{
		"go-containerregistry": imagetest.Registry, "docker-registry": imagetest.DistributionRegistry, "distribution 3": imagetest.Distribution3Registry,
	} {
		t.Run(name, func(t *testing.T) {
			var ranges []string
			var mu sync.Mutex
			f := newFront(t, start(t), func(f *front, w http.ResponseWriter, r *http.Request, n int) bool {
				if !isGet(r, "blobs") {
					return false
				}
				mu.Lock()
				ranges = append(ranges, r.Header.Get("Range"))
				mu.Unlock()
				f.proxy.ServeHTTP(&cut{w, half}, r)
				return true
			})
			l := imagetest.RandomLayer(t, 1, 5*half/2)
			size, err := l.Size()
			if err != nil {
				t.Fatal(err)
			}
			ref := f.host + "/imgx:v1"
			imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64", l))
			ctx, shown := watched(t)
			img, err := newClient(t).Image(ctx, ref, linux)
			if err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			ranges = nil
			mu.Unlock()
			if err := readAll(img); err != nil {
				t.Fatal(err)
			}
			want := []string{"", fmt.Sprintf("bytes=%d-%d", half, size-1), fmt.Sprintf("bytes=%d-%d", 2*half, size-1)}
			if diff := cmp.Diff(want, ranges); diff != "" {
				t.Errorf("ranges (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{fmt.Sprintf("pull %s %d/%d", ref, size, size)}, shown.take()); diff != "" {
				t.Errorf("shown (-want +got):\n%s", diff)
			}
		})
	}
}

// A download of gigabytes over a bad line is interrupted more often than Pace allows attempts.
func TestAttemptsWithProgressAreNotCounted(t *testing.T) {
	f := newFront(t, imagetest.Registry(t), func(f *front, w http.ResponseWriter, r *http.Request, n int) bool {
		if !isGet(r, "blobs") {
			return false
		}
		f.proxy.ServeHTTP(&cut{w, half}, r)
		return true
	})
	ref := f.host + "/imgx:v1"
	imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 12*half)))
	for fresh, works := range map[int64]bool{half: true, 2 * half: false} {
		c := newClient(t)
		c.pace.Fresh = fresh
		img, err := c.Image(t.Context(), ref, linux)
		if err != nil {
			t.Fatal(err)
		}
		if err := readAll(img); (err == nil) != works {
			t.Errorf("when %d bytes are much: %v", fresh, err)
		}
	}
}

func TestInterruptedBlobIsRestartedWithoutRanges(t *testing.T) {
	for name, spoil := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"sends all of it": func(_ http.ResponseWriter, r *http.Request) bool { r.Header.Del("Range"); return false },
		"refuses the range": func(w http.ResponseWriter, r *http.Request) bool {
			return r.Header.Get("Range") != "" && refuse(w, http.StatusRequestedRangeNotSatisfiable, "UNSUPPORTED", "no ranges")
		},
		"sends another part": func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Range") != "" {
				r.Header.Set("Range", "bytes=0-10")
			}
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, imagetest.Registry(t), func(f *front, w http.ResponseWriter, r *http.Request, n int) bool {
				if !isGet(r, "blobs") {
					return false
				}
				if n == 1 {
					f.proxy.ServeHTTP(&cut{w, half}, r)
					return true
				}
				return spoil(w, r)
			})
			ref := f.host + "/imgx:v1"
			imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 2*half)))
			img, err := newClient(t).Image(t.Context(), ref, linux)
			if err != nil {
				t.Fatal(err)
			}
			if err := readAll(img); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestNextRunResumesAPartialBlob(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	var sent atomic.Int64
	f := newFront(t, imagetest.Registry(t), func(f *front, w http.ResponseWriter, r *http.Request, n int) bool {
		if !isGet(r, "blobs") {
			return false
		}
		if !broken.Load() {
			f.proxy.ServeHTTP(&counter{w, &sent}, r)
			return true
		}
		if r.Header.Get("Range") == "" {
			f.proxy.ServeHTTP(&cut{w, half}, r)
			return true
		}
		return refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "gone for lunch")
	})
	l := imagetest.RandomLayer(t, 1, 2*half)
	size, err := l.Size()
	if err != nil {
		t.Fatal(err)
	}
	ref := f.host + "/imgx:v1"
	imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64", l))
	c := newClient(t)
	img, err := c.Image(t.Context(), ref, linux)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, readAll(img), f.host+" does not answer", "503", "gone for lunch", "tries")

	broken.Store(false)
	if err := readAll(img); err != nil {
		t.Fatal(err)
	}
	if n := sent.Load(); n != size-half {
		t.Errorf("%d bytes were sent; want the %d missing ones", n, size-half)
	}
}

type counter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

func TestWrongBytesAreFetchedOnceMore(t *testing.T) {
	for _, always := range []bool{false, true} {
		t.Run(strconv.FormatBool(always), func(t *testing.T) {
			var spoil atomic.Bool
			f := newFront(t, imagetest.Registry(t), func(f *front, w http.ResponseWriter, r *http.Request, n int) bool {
				if !spoil.Load() || !isGet(r, "blobs") || !always && n > 1 {
					return false
				}
				f.proxy.ServeHTTP(&spoiler{w}, r)
				return true
			})
			ref := f.host + "/imgx:v1"
			imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 1000)))
			c := newClient(t)
			img, err := c.Image(t.Context(), ref, linux)
			if err != nil {
				t.Fatal(err)
			}
			spoil.Store(true)
			f.forget()
			err = readAll(img)
			if n := f.reads("blobs"); n != 2 {
				t.Errorf("the blob was asked for %d times; want twice", n)
			}
			if always {
				wantError(t, err, f.host, "wrong content", "twice", "/imgx:v1")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// spoiler inverts all bytes of a body.
type spoiler struct{ http.ResponseWriter }

func (s *spoiler) Write(p []byte) (int, error) {
	turned := bytes.Clone(p)
	for i := range turned {
		turned[i] ^= 0xff
	}
	return s.ResponseWriter.Write(turned)
}

func TestManifestThatDoesNotMatchItsDigest(t *testing.T) {
	f := newFront(t, imagetest.Registry(t), func(f *front, w http.ResponseWriter, r *http.Request, n int) bool {
		if !isGet(r, "manifests") {
			return false
		}
		f.proxy.ServeHTTP(&spoiler{w}, r)
		return true
	})
	by := imagetest.Push(t, f.host+"/imgx:v1", imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 1000)))
	_, err := newClient(t).Image(t.Context(), by, linux)
	wantError(t, err, f.host, "wrong content", "twice")
}

func TestManyReadersShareOneFetch(t *testing.T) {
	f := newFront(t, imagetest.Registry(t), nil)
	ref := f.host + "/imgx:v1"
	imagetest.Push(t, ref, imagetest.Image(t, "linux/amd64", imagetest.RandomLayer(t, 1, 1_000_000)))
	c := newClient(t, func(o *Options) { o.Jobs = 2 })
	f.forget()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			img, err := c.Image(t.Context(), ref, linux)
			if err == nil {
				err = readAll(img)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := f.reads("blobs"); n != 2 {
		t.Errorf("%d blobs were asked for; want config and layer once each", n)
	}
}

func TestADamagedManifestOfTheStoreIsFetchedAnew(t *testing.T) {
	host := imagetest.Registry(t)
	imagetest.Push(t, host+"/imgx:v1", imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"f": "x"})))
	c := newClient(t)
	m, err := c.Resolve(t.Context(), parse(t, host+"/imgx:v1"))
	if err != nil {
		t.Fatal(err)
	}
	path := c.store.Path(m.Descriptor.Digest)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), len(m.Raw)), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := c.Resolve(t.Context(), parse(t, host+"/imgx:v1"))
	if err != nil || !bytes.Equal(again.Raw, m.Raw) {
		t.Errorf("%v", err)
	}
	if img, err := again.Image(); err != nil {
		t.Error(err)
	} else if err := readAll(img); err != nil {
		t.Error(err)
	}
}

func TestMissingMediaTypes(t *testing.T) {
	for raw, want := range map[string]string{
		`{"schemaVersion":2,"manifests":[]}`: "application/vnd.oci.image.index.v1+json",
		`{"schemaVersion":2,"config":{}}`:    "application/vnd.oci.image.manifest.v1+json",
		`{"schemaVersion":1}`:                "application/vnd.docker.distribution.manifest.v1+json",
	} {
		if got, err := mediaType([]byte(raw), "application/json; charset=utf-8"); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v; want %s", raw, got, err, want)
		}
	}
	if _, err := mediaType([]byte("<html>"), "text/html"); err == nil {
		t.Error("an HTML page is accepted as a manifest")
	}
}
