package pack_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/images/cache/places"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// sharedImages have a frame of several segments, frames of one segment, and a layer that is not gzipped.
func sharedImages(t *testing.T) []pack.Image {
	t.Helper()
	plain := imagetest.LayerOf(t, types.OCIUncompressedLayer, imagetest.Files{"words": imagetest.Words(7, 300<<10)}.Entries()...)
	return append(airgaptest.Siblings(t, 2, -1), airgaptest.Simple(t, "acme/small:v1", "linux/amd64"),
		pack.Image{Names: []name.Reference{airgaptest.Ref(t, "acme/plain:v1")}, Image: imagetest.Image(t, "linux/amd64", plain)})
}

// packShared packs on a new machine that reads and writes a shared cache. It returns the archives, and the results.
func packShared(ctx context.Context, t *testing.T, dir string, opts pack.Options) (map[string][]byte, []pack.Result) {
	t.Helper()
	content := airgaptest.NewStore(t)
	place := places.NewFolder(dir)
	shared := cache.New(cache.Options{From: []cache.Place{place}, To: []cache.Place{place}})
	defer shared.Close()
	content.Use(shared)
	out := t.TempDir()
	outputs := []pack.Output{{Path: filepath.Join(out, "a.tar.zst")}, {Path: filepath.Join(out, "a.tar.gz")}}
	results, err := pack.Write(ctx, content, sharedImages(t), outputs, opts)
	if err != nil {
		t.Fatal(err)
	}
	shared.Flush(ctx)
	archives := map[string][]byte{}
	for _, o := range outputs {
		if archives[filepath.Base(o.Path)], err = os.ReadFile(o.Path); err != nil {
			t.Fatal(err)
		}
	}
	return archives, results
}

func listening(t *testing.T) (context.Context, func() []string) {
	display := progress.New(progress.None, io.Discard, progress.Options{})
	t.Cleanup(func() { display.Close() })
	return progress.With(t.Context(), display), display.Warnings
}

// A new machine takes the frames from a shared cache. Its archives have the same bytes.
func TestFramesOfASharedCache(t *testing.T) {
	for _, opts := range []pack.Options{{}, {Level: "default"}} {
		t.Run(string(opts.Level), func(t *testing.T) {
			ctx, warned := listening(t)
			dir := t.TempDir()
			want, first := packShared(ctx, t, dir, opts)
			got, second := packShared(ctx, t, dir, opts)
			for file := range want {
				if !bytes.Equal(got[file], want[file]) {
					t.Errorf("%s differs", file)
				}
			}
			for i := range second {
				if first[i].Cached == first[i].Frames || second[i].Cached != second[i].Frames {
					t.Errorf("%s: %d and then %d of %d frames were cached", second[i].Codec, first[i].Cached, second[i].Cached, second[i].Frames)
				}
			}
			if w := warned(); len(w) > 0 {
				t.Error(w)
			}
		})
	}
}

// Frames of a shared cache whose entries are in order, but whose content is another one, are refused.
func TestWrongFramesOfASharedCache(t *testing.T) {
	ctx, _ := listening(t)
	original := t.TempDir()
	want, _ := packShared(ctx, t, original, pack.Options{Level: "default"})
	best := t.TempDir()
	wantBest, _ := packShared(ctx, t, best, pack.Options{})
	skippable := "\x50\x2a\x4d\x18\x04\x00\x00\x00evil"
	for name, c := range map[string]struct {
		kind   string
		best   bool
		change func(b []byte) []byte
	}{
		"a frame of other content": {kind: "zstd-frame", change: func(b []byte) []byte {
			return airgaptest.Compress(t, format.Zstd, bytes.Repeat([]byte("x"), 1000))
		}},
		"a skipped frame after it":      {kind: "zstd-frame", change: func(b []byte) []byte { return append(b, skippable...) }},
		"a skipped frame before it":     {kind: "zstd-frame", change: func(b []byte) []byte { return append([]byte(skippable), b...) }},
		"an empty frame after it":       {kind: "zstd-frame", change: func(b []byte) []byte { return append(b, airgaptest.Compress(t, format.Zstd, nil)...) }},
		"a bit of a frame":              {kind: "zstd-frame", change: flip},
		"half of a frame":               {kind: "zstd-frame", change: func(b []byte) []byte { return b[:len(b)/2] }},
		"a bit of a segment":            {kind: "zstd-segment", best: true, change: flip},
		"a segment that ends the frame": {kind: "zstd-segment", best: true, change: func(b []byte) []byte { return append(b, 1, 0, 0) }},
		"no segment":                    {kind: "zstd-segment", best: true, change: func([]byte) []byte { return nil }},
		"a gzip member of other content": {kind: "gzip-frame", change: func([]byte) []byte {
			return airgaptest.Compress(t, format.Gzip, []byte("other"))
		}},
		"a gzip member after it": {kind: "gzip-frame", change: func(b []byte) []byte { return append(b, airgaptest.Compress(t, format.Gzip, nil)...) }},
		"zeros after gzip":       {kind: "gzip-frame", change: func(b []byte) []byte { return append(b, make([]byte, 512)...) }},
		"another gzip header": {kind: "gzip-frame", change: func(b []byte) []byte {
			b[9] = 3 // the operating system
			return b
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, warned := listening(t)
			from, level, expect := original, pack.Options{Level: "default"}, want
			if c.best {
				from, level, expect = best, pack.Options{}, wantBest
			}
			dir := filepath.Join(t.TempDir(), "shared")
			changed := forge(t, from, dir, c.kind, c.change)
			before := 0
			for run := range 2 {
				got, _ := packShared(ctx, t, dir, level)
				for file := range expect {
					if !bytes.Equal(got[file], expect[file]) {
						t.Errorf("run %d: %s differs", run, file)
					}
				}
				// The second run finds what the first one has put in place of what was wrong.
				if w := warned(); changed == 0 || len(w) == 0 || run == 1 && len(w) > before {
					t.Errorf("run %d: %d entries were changed; warnings %q", run, changed, w)
				} else {
					before = len(w)
				}
			}
		})
	}
}

func flip(b []byte) []byte {
	b[len(b)/2] ^= 1
	return b
}

// forge copies a cache. Of the entries of a kind, it changes the content, and states the digest of the changed one.
func forge(t *testing.T, from, to, kind string, change func([]byte) []byte) (changed int) {
	t.Helper()
	entries, err := cache.List(t.Context(), places.NewFolder(from))
	noError(t, err)
	blobs := filepath.Join(to, "v1", "blobs", "sha256")
	noError(t, os.MkdirAll(blobs, 0o755))
	noError(t, os.MkdirAll(filepath.Join(to, "v1", "segments"), 0o755))
	for i, e := range entries {
		content := entryContent(t, from, e)
		if e.Kind() == kind {
			content = change(content)
			changed++
		}
		sum := sha256.Sum256(content)
		entries[i].Sum, entries[i].Size = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}, int64(len(content))
		entries[i].Pack, entries[i].Offset = nil, 0
		noError(t, os.WriteFile(filepath.Join(blobs, hex.EncodeToString(sum[:])), content, 0o644))
	}
	raw, err := json.Marshal(map[string]any{"entries": entries})
	noError(t, err)
	noError(t, os.WriteFile(filepath.Join(to, "v1", "segments", airgaptest.HexDigest(raw)), raw, 0o644))
	return changed
}

// entryContent returns the content of an entry in a folder.
func entryContent(t *testing.T, dir string, e cache.Entry) []byte {
	t.Helper()
	blob, offset := e.Sum, int64(0)
	if e.Pack != nil {
		blob, offset = e.Pack.Digest, e.Offset
	}
	raw, err := os.ReadFile(filepath.Join(dir, "v1", "blobs", "sha256", blob.Hex))
	noError(t, err)
	return slices.Clone(raw[offset : offset+e.Size])
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
