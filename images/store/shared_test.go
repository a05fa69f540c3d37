package store_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/images/cache/places"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// sharing returns a store of a new machine that reads and writes a shared cache.
func sharing(ctx context.Context, t *testing.T, dir string) (s *store.Store, flush func()) {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	place := places.NewFolder(dir)
	shared := cache.New(cache.Options{From: []cache.Place{place}, To: []cache.Place{place}})
	s.Use(shared)
	t.Cleanup(func() { shared.Close(); s.Close() })
	return s, func() { shared.Flush(ctx) }
}

// A layer that another machine has made is not compressed again. A wrong one is made again.
func TestLayersOfASharedCache(t *testing.T) {
	content := imagetest.Words(1, 500<<10)
	write := func(w io.Writer) error { _, err := io.WriteString(w, content); return err }
	gzipped := func(s string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		io.WriteString(z, s)
		z.Close()
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		change func(b []byte) []byte // nil if the entry is right
	}{
		"right":                 {nil},
		"other content":         {func([]byte) []byte { return gzipped("other") }},
		"content without end":   {func(b []byte) []byte { return b[:len(b)/2] }},
		"not compressed":        {func([]byte) []byte { return []byte(content) }},
		"with zeros after it":   {func(b []byte) []byte { return append(b, make([]byte, 512)...) }},
		"with something behind": {func([]byte) []byte { return append(gzipped(content), gzipped("more")...) }},
	} {
		t.Run(name, func(t *testing.T) {
			display := progress.New(progress.None, io.Discard, progress.Options{})
			defer display.Close()
			ctx := progress.With(t.Context(), display)
			dir := t.TempDir()
			first, flush := sharing(ctx, t, dir)
			made, err := first.Layer(ctx, "key", images.Compression{}, write)
			if err != nil {
				t.Fatal(err)
			}
			flush()
			want, _ := made.Digest()
			if c.change != nil {
				forge(t, dir, c.change)
			}
			second, flush := sharing(ctx, t, dir)
			got, err := second.Layer(ctx, "key", images.Compression{}, write)
			if err != nil {
				t.Fatal(err)
			}
			flush()
			if digest, _ := got.Digest(); digest != want {
				t.Errorf("the layer has the digest %s, want %s", digest, want)
			}
			if err := second.Check(ctx, want); err != nil {
				t.Error(err)
			}
			if w := display.Warnings(); (len(w) > 0) != (c.change != nil) {
				t.Errorf("warnings %q", w)
			}
		})
	}
}

// forge changes the content of the only entry of a cache, and states the digest of the changed one.
func forge(t *testing.T, dir string, change func([]byte) []byte) {
	t.Helper()
	entries, err := cache.List(t.Context(), places.NewFolder(dir))
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	e := &entries[0]
	raw, err := os.ReadFile(filepath.Join(dir, "v1", "blobs", "sha256", e.Sum.Hex))
	if err != nil {
		t.Fatal(err)
	}
	raw = change(slices.Clone(raw))
	sum := sha256.Sum256(raw)
	e.Sum, e.Size = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}, int64(len(raw))
	segment, err := json.Marshal(map[string]any{"entries": entries})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "v1", "segments")); err != nil {
		t.Fatal(err)
	}
	name := sha256.Sum256(segment)
	for path, content := range map[string][]byte{"blobs/sha256/" + e.Sum.Hex: raw, "segments/" + hex.EncodeToString(name[:]): segment} {
		path = filepath.Join(dir, "v1", filepath.FromSlash(path))
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
