package serve

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
)

// An image of a .tar.gz with a proof is served by the digest of its registry, with the registry's layers. Its tag names
// it only with Restore. Nothing is served by that digest if a layer differs.
func TestServeRestoredImages(t *testing.T) {
	img := airgaptest.Simple(t, "x/y:v1", "linux/amd64")
	want, err := img.Image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	paths := airgaptest.Pack(t, airgaptest.NewStore(t), []pack.Image{img}, pack.Options{Level: "fastest", Proof: &pack.Proof{}})
	for _, restore := range []bool{false, true} {
		host := serveWith(t, restore, paths[format.Gzip])
		image, err := crane.Pull(host + "/x/y@" + want.String())
		if err != nil {
			t.Fatal(err)
		}
		if err := airgaptest.ReadWhole(image); err != nil {
			t.Error(err)
		}
		tagged, err := crane.Pull(host + "/x/y:v1")
		if err != nil {
			t.Fatal(err)
		}
		if err := airgaptest.ReadWhole(tagged); err != nil {
			t.Error(err)
		}
		if got, err := tagged.Digest(); err != nil || (got == want) != restore {
			t.Errorf("restore %v: the tag is %s, in the registry %s: %v", restore, got, want, err)
		}
	}
	// Other codecs do not have the layers of the registry.
	if _, err := crane.Digest(serveWith(t, true, paths[format.Zstd]) + "/x/y@" + want.String()); err == nil {
		t.Error("a .tar.zst has the registry's manifest")
	}
	raw, err := os.ReadFile(paths[format.Gzip])
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(raw, layerBlob(t, img.Image))
	if at < 0 {
		t.Fatal("the archive does not have the layer's blob")
	}
	raw[at+4] ^= 1 // the time in the header of the stream
	changed := filepath.Join(t.TempDir(), "changed.tar.gz")
	if err := os.WriteFile(changed, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	host := serveWith(t, true, changed)
	if _, err := crane.Digest(host + "/x/y@" + want.String()); err == nil {
		t.Error("an image is served by the digest of its registry, whose layer is another one")
	}
	tagged, err := crane.Pull(host + "/x/y:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := airgaptest.ReadWhole(tagged); err != nil {
		t.Error(err)
	}
	// What cannot be read for a while is served again after that.
	raw[at+4] ^= 1
	host = serveWith(t, true, changed)
	if err := os.Truncate(changed, int64(at)+1); err != nil {
		t.Fatal(err)
	}
	if _, err := crane.Digest(host + "/x/y@" + want.String()); err == nil {
		t.Error("an image is served whose layer cannot be read")
	}
	if err := os.WriteFile(changed, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := crane.Digest(host + "/x/y@" + want.String()); err != nil {
		t.Errorf("the layer can be read again: %v", err)
	}
	raw[at+4] ^= 1
	if err := os.WriteFile(changed, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	// The stream of another archive is used, in whatever order they are.
	for _, order := range [][]string{{changed, paths[format.Gzip]}, {paths[format.Gzip], changed}} {
		image, err := crane.Pull(serveWith(t, true, order...) + "/x/y@" + want.String())
		if err != nil {
			t.Error(err)
			continue
		}
		if err := airgaptest.ReadWhole(image); err != nil {
			t.Error(err)
		}
	}
}

func serveWith(t *testing.T, restore bool, paths ...string) string {
	t.Helper()
	var archives []*airgap.Archive
	for _, path := range paths {
		a, err := airgap.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		archives = append(archives, a)
	}
	return listen(t, newServer(t, archives, Options{Dir: t.TempDir(), Limit: 1 << 30, Restore: restore, Log: func(line string) { t.Log(line) }}))
}

func layerBlob(t *testing.T, image v1.Image) []byte {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	r, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var blob bytes.Buffer
	if _, err := blob.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return blob.Bytes()
}
