package imagetest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Created is the time of everything that this package makes. It is not the epoch, so that tests
// detect code that rewrites the times of foreign entries.
func Created() time.Time { return time.Date(2024, time.February, 3, 4, 5, 6, 0, time.UTC) }

// Files are the files of a layer by path, without a leading slash. A path that ends in / is a
// folder. Folders above a file need not be listed. Files below a folder called bin have mode 0755,
// others 0644.
type Files map[string]string

// Entries returns the tar entries of the files and of the folders above them, sorted by name.
func (f Files) Entries() []Entry {
	all := maps.Clone(f)
	for name := range f {
		for dir := path.Dir(strings.TrimSuffix(name, "/")); dir != "."; dir = path.Dir(dir) {
			all[dir+"/"] = ""
		}
	}
	var entries []Entry
	for _, name := range slices.Sorted(maps.Keys(all)) {
		e := Entry{Header: tar.Header{Name: name}, Body: all[name]}
		if strings.HasPrefix(name, "bin/") || strings.Contains(name, "/bin/") {
			e.Mode = 0o755
		}
		entries = append(entries, e)
	}
	return entries
}

// An Entry is an entry of a layer. Only the name in its header must be set. By default, the type is
// a folder if the name ends in /, else a file; the mode is 0755 for folders and 0644 for others;
// the time is Created; and the size is that of the body.
type Entry struct {
	tar.Header
	Body string
}

// Tar returns a tar of entries, in their order.
func Tar(t testing.TB, entries ...Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := e.Header
		switch {
		case h.Typeflag != 0:
		case strings.HasSuffix(h.Name, "/"):
			h.Typeflag = tar.TypeDir
		default:
			h.Typeflag = tar.TypeReg
		}
		switch {
		case h.Mode != 0:
		case h.Typeflag == tar.TypeDir:
			h.Mode = 0o755
		default:
			h.Mode = 0o644
		}
		if h.ModTime.IsZero() {
			h.ModTime = Created()
		}
		h.Size = int64(len(e.Body))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.Body); err != nil {
			t.Fatalf("writing the body of %s: %v", h.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Layer returns a layer of files, compressed with gzip, with OCI's media type.
func Layer(t testing.TB, files Files) v1.Layer {
	t.Helper()
	return LayerOf(t, types.OCILayer, files.Entries()...)
}

// LayerOf returns a layer of entries, in their order, with any media type of layers, which
// determines whether it is compressed with gzip, zstd or not at all.
func LayerOf(t testing.TB, mediaType types.MediaType, entries ...Entry) v1.Layer {
	t.Helper()
	content := Tar(t, entries...)
	switch mediaType {
	case types.OCIUncompressedLayer, types.DockerUncompressedLayer, types.OCIUncompressedRestrictedLayer:
		return static.NewLayer(content, mediaType)
	}
	return compressed(t, mediaType, func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	})
}

func compressed(t testing.TB, mediaType types.MediaType, open tarball.Opener) v1.Layer {
	t.Helper()
	algorithm := compression.GZip
	switch mediaType {
	case types.OCILayerZStd, nondistributableZstd:
		algorithm = compression.ZStd
	}
	l, err := tarball.LayerFromOpener(open, tarball.WithMediaType(mediaType), tarball.WithCompression(algorithm))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// nondistributableZstd is the only layer type of OCI without a constant in go-containerregistry.
const nondistributableZstd types.MediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"

// ForeignLayer returns a layer of the type that Microsoft's bases had until 2023. Registries need
// not have it; its content is at urls.
func ForeignLayer(t testing.TB, files Files, urls ...string) v1.Layer {
	t.Helper()
	return foreign{LayerOf(t, types.DockerForeignLayer, files.Entries()...), urls}
}

type foreign struct {
	v1.Layer
	urls []string
}

// Descriptor is called by partial.Descriptor. It adds the URLs to the manifest.
func (f foreign) Descriptor() (*v1.Descriptor, error) {
	digest, err := f.Digest()
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	mediaType, err := f.MediaType()
	if err != nil {
		return nil, err
	}
	return &v1.Descriptor{MediaType: mediaType, Digest: digest, Size: size, URLs: f.urls}, nil
}

// RandomLayer returns a layer with one file of size bytes, data/<seed>, which cannot be compressed.
// Equal seeds give equal bytes. It is generated while it is read, so that it may be larger than
// memory.
func RandomLayer(t testing.TB, seed uint64, size int64) v1.Layer {
	t.Helper()
	return compressed(t, types.OCILayer, func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(writeRandom(w, seed, size)) }()
		return r, nil
	})
}

func writeRandom(w io.Writer, seed uint64, size int64) error {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	tw := tar.NewWriter(w)
	h := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("data/%d", seed), Mode: 0o644, Size: size, ModTime: Created()}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.CopyN(tw, rand.NewChaCha8(key), size); err != nil {
		return err
	}
	return tw.Close()
}
