package store_test

import (
	"bytes"
	"os"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/sniff"
)

// Stored does not decompress a blob: it need not even be possible.
func TestStoredDoesNotDecompress(t *testing.T) {
	dir := t.TempDir()
	blob := append([]byte(sniff.GzipMagic), bytes.Repeat([]byte("not deflate"), 1000)...)
	digest, size, err := v1.SHA256(bytes.NewReader(blob))
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	if err := s.Put(t.Context(), v1.Descriptor{Digest: digest, Size: size}, bytes.NewReader(blob)); err != nil {
		t.Fatal(err)
	}
	info, err := s.Stored(t.Context(), digest)
	if err != nil || info.Digest != digest || info.Size != size || info.Compression != sniff.Gzip || info.DiffID != (v1.Hash{}) {
		t.Fatalf("got %+v, %v", info, err)
	}
	if _, err := s.Info(t.Context(), digest); err == nil {
		t.Error("Info decompressed it")
	}
	layout, err := store.OpenLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	// Another process, one without records, and one that may not write any.
	for name, other := range map[string]*store.Store{"recorded": open(t, dir), "computed": open(t, t.TempDir()), "read-only": layout} {
		if name == "computed" {
			if err := os.WriteFile(other.Path(digest), blob, 0o444); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if again, err := other.Stored(t.Context(), digest); again != info || err != nil {
				t.Errorf("%s: %+v, %v; want %+v", name, again, err, info)
			}
		}
	}
}

// A blob that was damaged after it was written is found when it is copied, and one that this store has not written before.
func TestStoredOfADamagedBlob(t *testing.T) {
	for _, known := range []bool{true, false} {
		s := open(t, t.TempDir())
		digest, size, err := v1.SHA256(bytes.NewReader([]byte("content")))
		if err != nil {
			t.Fatal(err)
		}
		if known {
			if err := s.Put(t.Context(), v1.Descriptor{Digest: digest, Size: size}, bytes.NewReader([]byte("content"))); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(s.Path(digest), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(s.Path(digest), []byte("CONTENT"), 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := s.BlobFile(t.Context(), digest)
		if err == nil {
			err = f.Check(t.Context())
		}
		if !store.IsDamaged(err) || s.Has(digest) {
			t.Errorf("known %t: %v", known, err)
		}
	}
}
