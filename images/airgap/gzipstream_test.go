package airgap_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/imagetest"
)

// oddLayer returns a layer whose content is followed by padding in the archive.
func oddLayer(t *testing.T, more int) v1.Layer {
	content := append(imagetest.Tar(t, imagetest.Files{"bin/odd": imagetest.Words(9, 20_000)}.Entries()...), make([]byte, more)...)
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// streamsOf returns the digests of the gzip streams that an archive has for the layers of its images, by diff ID.
// Streams with other content have the zero digest.
func streamsOf(t *testing.T, path string) map[v1.Hash]v1.Hash {
	t.Helper()
	a, err := airgap.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	list, err := a.Images(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[v1.Hash]v1.Hash{}
	for _, img := range list {
		for _, l := range img.Layers {
			stream, err := a.GzipStream(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			if stream == nil {
				continue
			}
			digest, ok, err := stream.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			found[l.DiffID] = v1.Hash{}
			if !ok {
				continue
			}
			found[l.DiffID] = digest
			layer, err := stream.Layer(t.Context(), digest, types.OCILayer)
			if err != nil {
				t.Fatal(err)
			}
			r, err := layer.Compressed()
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, r); n != stream.Size || err != nil {
				t.Errorf("layer %s: read %d bytes of %d: %v", l.DiffID, n, stream.Size, err)
			}
		}
	}
	return found
}

// The streams of layers that the registry serves as gzip are found, with the digests of the registry.
func TestGzipStream(t *testing.T) {
	odd, blocks := oddLayer(t, 100), oddLayer(t, 512)
	all := append(airgaptest.SampleImages(t), pack.Image{Names: []name.Reference{airgaptest.Ref(t, "x/odd:v1")}, Image: imagetest.Image(t, "linux/amd64", odd, blocks)})
	paths := airgaptest.Pack(t, airgaptest.NewStore(t), all, pack.Options{Level: "fastest"})
	found := streamsOf(t, paths[format.Gzip])
	gzipped := 0
	for _, img := range all {
		layers, err := img.Image.Layers()
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range layers {
			mediaType, err := l.MediaType()
			if err != nil {
				t.Fatal(err)
			}
			digest, err := l.Digest()
			if err != nil {
				t.Fatal(err)
			}
			diffID, err := l.DiffID()
			if err != nil {
				t.Fatal(err)
			}
			got, ok := found[diffID]
			if want := mediaType == types.OCILayer || mediaType == types.DockerLayer; ok != want || ok && got != digest {
				t.Errorf("%s layer %s has the stream %s (%v), want %s (%v)", mediaType, diffID, got, ok, digest, want)
			}
			if ok {
				gzipped++
			}
		}
	}
	if gzipped < 5 {
		t.Errorf("%d layers were gzip", gzipped)
	}
	// Other codecs, and a .tar.gz of another program, have no such streams.
	raw, err := os.ReadFile(paths[format.Tar])
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign.tar.gz")
	if err := os.WriteFile(foreign, airgaptest.Compress(t, format.Gzip, raw), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{paths[format.Tar], paths[format.Zstd], foreign} {
		if found := streamsOf(t, path); len(found) > 0 {
			t.Errorf("%s has the streams %v", path, found)
		}
	}
}

// A stream whose bytes were changed is not taken for the layer.
func TestDamagedGzipStream(t *testing.T) {
	path := airgaptest.Pack(t, airgaptest.NewStore(t), []pack.Image{airgaptest.Simple(t, "x/y:v1", "linux/amd64")}, pack.Options{Level: "fastest"})[format.Gzip]
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	layer, err := airgaptest.Simple(t, "x/y:v1", "linux/amd64").Image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	r, err := layer[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	blob, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(raw, blob)
	if at < 0 {
		t.Fatal("the archive does not have the layer's blob")
	}
	for i := range blob {
		damaged := bytes.Clone(raw)
		damaged[at+i] ^= 0x20
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		for diffID, digest := range streamsOf(t, path) {
			// Some bits, such as those of the time and of codes that are not used, do not change the content.
			if want := contentDigest(damaged[at : at+len(blob)]); digest != (v1.Hash{}) && want != diffID {
				t.Errorf("byte %d: layer %s has the stream %s, whose content is %s", i, diffID, digest, want)
			}
		}
	}
}

// contentDigest returns the digest of the content of a gzip stream, or zero if it cannot be read.
func contentDigest(stream []byte) v1.Hash {
	z, err := gzip.NewReader(bytes.NewReader(stream))
	if err != nil {
		return v1.Hash{}
	}
	digest, _, err := v1.SHA256(z)
	if err != nil {
		return v1.Hash{}
	}
	return digest
}
