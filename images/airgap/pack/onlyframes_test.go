package pack_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/store"
)

// countingContent counts the layers that are added.
type countingContent struct {
	*store.Store
	added int
}

func (c *countingContent) AddLayer(ctx context.Context, l v1.Layer) error {
	c.added++
	return c.Store.AddLayer(ctx, l)
}

// A .tar.zst is packed of frames alone: layers are added only to make frames that are missing. Its bytes are the same.
func TestFramesNeedNoBlobs(t *testing.T) {
	all := append(airgaptest.Siblings(t, 2, -1), airgaptest.Simple(t, "acme/small:v1", "linux/amd64"))
	content := &countingContent{Store: airgaptest.NewStore(t)}
	run := func(name string) []byte {
		t.Helper()
		content.added = 0
		path := filepath.Join(t.TempDir(), name)
		if _, err := pack.Write(t.Context(), content, all, []pack.Output{{Path: path}}, pack.Options{Jobs: 1}); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	remove := func(files ...string) {
		t.Helper()
		for _, file := range files {
			if err := os.RemoveAll(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, wantTar := run("a.tar.zst"), run("a.tar")
	kinds := kindsOf(t, content.Store)
	segments := kinds[".slipway/derived/zstd-segment"]
	blobs := kinds["blobs/sha256"]
	if len(segments) < 2 {
		t.Fatalf("the images of this test have %d segments", len(segments))
	}
	for _, c := range []struct {
		name string
		gone []string
		add  bool
	}{
		{"blobs", nil, false},
		{"blobs and a segment", segments[:1], true},
		{"blobs and the other segments", segments[1:], true},
		{"blobs and frames", kinds[".slipway/derived/zstd-frame"], true},
		{"blobs and sketches", kinds[".slipway/records/sketch-1"], true},
		{"blobs and what is known about them", kinds[".slipway/records/blob"], true},
	} {
		t.Run(c.name, func(t *testing.T) {
			remove(append(blobs, c.gone...)...)
			if !bytes.Equal(run("b.tar.zst"), want) {
				t.Error("the archive has other bytes")
			}
			if added := content.added > 0; added != c.add {
				t.Errorf("%d layers were added", content.added)
			}
		})
	}
	t.Run("another codec", func(t *testing.T) {
		remove(blobs...)
		if !bytes.Equal(run("b.tar"), wantTar) || content.added == 0 {
			t.Errorf("the archive has other bytes, or none of its layers was added: %d", content.added)
		}
	})
}
