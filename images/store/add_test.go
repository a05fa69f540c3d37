package store_test

import (
	"os"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/validate"
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
