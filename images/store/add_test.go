package store_test

import (
	"context"
	"io"
	"os"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/images/store"
)

func mustIndex(t *testing.T) v1.ImageIndex {
	t.Helper()
	idx, err := random.Index(500, 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	return idx
}

func TestStoresShareBlobs(t *testing.T) {
	cache, dist := open(t, t.TempDir()), open(t, t.TempDir())
	img := randomImage(t, 5000, 2)
	if err := cache.AddImage(t.Context(), img); err != nil {
		t.Fatal(err)
	}
	cached, err := cache.Image(descriptor(t, img).Digest)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := cached.Layers()
	if err != nil {
		t.Fatal(err)
	}
	// One blob is linked. The other is not read-only, so it could be written to, and is copied.
	linked, copied := descriptor(t, layers[0]).Digest, descriptor(t, layers[1]).Digest
	if err := os.Chmod(cache.Path(copied), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := dist.AddImage(t.Context(), cached); err != nil {
		t.Fatal(err)
	}
	for h, want := range map[v1.Hash]bool{linked: true, copied: false} {
		a, err := os.Stat(cache.Path(h))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.Stat(dist.Path(h))
		if err != nil {
			t.Fatal(err)
		}
		if got := os.SameFile(a, b); got != want {
			t.Errorf("blob %s is the same file: %v, want %v", h, got, want)
		}
		if b.Mode().Perm() != 0o444 {
			t.Errorf("blob %s has mode %v", h, b.Mode())
		}
	}
	back, err := dist.Image(descriptor(t, img).Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(back); err != nil {
		t.Error(err)
	}
}

// A fetchedLayer is a layer that Path fetches into a store.
type fetchedLayer struct {
	v1.Layer
	t     *testing.T
	store *store.Store
	reads int
}

func (l *fetchedLayer) Path(ctx context.Context) (string, error) {
	r, err := l.Compressed()
	if err != nil {
		return "", err
	}
	defer r.Close()
	want := descriptor(l.t, l.Layer)
	return l.store.Path(want.Digest), l.store.Put(ctx, want, r)
}

func (l *fetchedLayer) Open(ctx context.Context) (*os.File, error) {
	l.reads++
	path, err := l.Path(ctx)
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

func (l *fetchedLayer) Info(context.Context) (store.BlobInfo, error) {
	l.reads++
	return store.BlobInfo{}, io.ErrUnexpectedEOF
}

// A layer was verified when it was fetched into the store. Adding its image does not read it again.
func TestAFetchedLayerIsNotReadAgain(t *testing.T) {
	cache := open(t, t.TempDir())
	for to, want := range map[*store.Store]int{cache: 0, open(t, t.TempDir()): 1} {
		img := randomImage(t, 5000, 1)
		layers, err := img.Layers()
		if err != nil {
			t.Fatal(err)
		}
		fetched := &fetchedLayer{Layer: layers[0], t: t, store: cache}
		if img, err = mutate.AppendLayers(randomImage(t, 0, 0), fetched); err != nil {
			t.Fatal(err)
		}
		if err := to.AddImage(t.Context(), img); err != nil {
			t.Fatal(err)
		}
		if h := descriptor(t, fetched.Layer).Digest; !to.Has(h) || fetched.reads != want {
			t.Errorf("has %v, %d reads, want %d", to.Has(h), fetched.reads, want)
		}
	}
}

func TestADamagedFileIsNotCopied(t *testing.T) {
	cache, dist := open(t, t.TempDir()), open(t, t.TempDir())
	img := randomImage(t, 5000, 1)
	if err := cache.AddImage(t.Context(), img); err != nil {
		t.Fatal(err)
	}
	cached, err := cache.Image(descriptor(t, img).Digest)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := cached.Layers()
	if err != nil {
		t.Fatal(err)
	}
	h := descriptor(t, layers[0]).Digest
	os.Chmod(cache.Path(h), 0o644)
	raw, err := os.ReadFile(cache.Path(h))
	if err != nil {
		t.Fatal(err)
	}
	raw[0] ^= 1
	if err := os.WriteFile(cache.Path(h), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := dist.AddImage(t.Context(), cached); err == nil {
		t.Error("a damaged blob was copied")
	}
	if dist.Has(h) || dist.Has(descriptor(t, img).Digest) {
		t.Error("a part of the image has its final name")
	}
}
