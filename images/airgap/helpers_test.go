package airgap

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

// words makes text that compresses, but not to nothing.
func words(seed, n int) string {
	var b strings.Builder
	state := uint32(seed*2654435761 + 1)
	for b.Len() < n {
		state = state*1664525 + 1013904223
		b.WriteString([]string{"slipway ", "archive ", "frame ", "layer ", "node ", "window ", "digest ", "registry "}[state>>29])
		if state>>20&7 == 0 {
			b.WriteString(hex.EncodeToString([]byte{byte(state >> 8), byte(state >> 16)}))
		}
	}
	return b.String()[:n]
}

func ref(t testing.TB, s string) name.Reference {
	t.Helper()
	r, err := name.ParseReference(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sampleImages are a runtime of our own, last in the list, and others of all
// layer forms that share a base.
func sampleImages(t testing.TB) []Image {
	t.Helper()
	base := imagetest.Layer(t, imagetest.Files{"etc/os-release": "ID=test\n", "usr/share/words": words(1, 300_000)})
	plain := imagetest.LayerOf(t, types.OCIUncompressedLayer, imagetest.Files{"bin/plain": words(2, 50_000)}.Entries()...)
	zst := imagetest.LayerOf(t, types.OCILayerZStd, imagetest.Files{"bin/zstd": words(3, 60_000)}.Entries()...)
	docker := imagetest.LayerOf(t, types.DockerLayer, imagetest.Files{"bin/docker": words(4, 1021)}.Entries()...)
	runtime := imagetest.Layer(t, imagetest.Files{"bin/slipway": words(5, 100_000), "bin/cni": "cni", "charts/": ""})
	return []Image{
		{Names: []name.Reference{ref(t, "busybox:1.36")}, Image: imagetest.Image(t, "linux/amd64", base, plain)},
		{Names: []name.Reference{ref(t, "quay.io/a/b:v2"), ref(t, "docker.io/a/b:v2")}, Image: imagetest.Image(t, "linux/amd64", base, zst)},
		{Names: []name.Reference{ref(t, "rancher/pinned@sha256:"+strings.Repeat("ab", 32))}, Image: imagetest.Image(t, "linux/amd64", docker)},
		{Names: []name.Reference{ref(t, "rancher/runtime:v1.34.1-r1")}, Image: imagetest.Image(t, "linux/amd64", runtime), Own: true},
	}
}

// gzipImages are like sampleImages, but all layers are gzipped, as in most
// registries.
func gzipImages(t testing.TB) []Image {
	t.Helper()
	base := imagetest.Layer(t, imagetest.Files{"etc/os-release": "ID=test\n", "usr/share/words": words(1, 300_000)})
	return []Image{
		{Names: []name.Reference{ref(t, "busybox:1.36")}, Image: imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"bin/a": words(7, 90_000)}))},
		{Names: []name.Reference{ref(t, "rancher/runtime:v1.34.1-r1")}, Image: imagetest.Image(t, "linux/amd64", base, imagetest.Layer(t, imagetest.Files{"bin/b": words(8, 70_000)})), Own: true},
	}
}

func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// pack writes archives of all codecs and returns their paths.
func pack(t testing.TB, content *store.Store, all []Image, opts Options) map[format.Codec]string {
	t.Helper()
	dir := t.TempDir()
	paths := map[format.Codec]string{}
	var outputs []Output
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		paths[codec] = filepath.Join(dir, "images."+string(codec))
		outputs = append(outputs, Output{Path: paths[codec]})
	}
	if _, err := Pack(t.Context(), content, all, outputs, opts); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(outputs) {
		t.Errorf("Pack left %d files behind instead of %d", len(entries), len(outputs))
	}
	return paths
}

// untar decompresses an archive with nothing of this package's readers. Each folder
// must come before what lies in it, as some readers make no others; folders are not
// among the names.
func untar(t testing.TB, file string, codec format.Codec) (names []string, content map[string][]byte, raw []byte) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := codec.Decompress(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if raw, err = io.ReadAll(r); err != nil {
		t.Fatalf("decompressing %s: %v", file, err)
	}
	content = map[string][]byte{}
	folders := map[string]bool{}
	tr := tar.NewReader(bytes.NewReader(raw))
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return names, content, raw
		}
		if err != nil {
			t.Fatalf("reading %s: %v", file, err)
		}
		if parent := path.Dir(h.Name); h.Typeflag == tar.TypeReg && parent != "." && !folders[parent] {
			t.Errorf("%s in %s: there was no entry for its folder", h.Name, file)
		}
		if h.Typeflag == tar.TypeDir && h.Mode == 0o755 {
			folders[path.Clean(h.Name)] = true
			h.Typeflag, h.Mode = tar.TypeReg, 0o644 // to compare the rest of it
		} else {
			names = append(names, h.Name)
			if content[h.Name], err = io.ReadAll(tr); err != nil {
				t.Fatal(err)
			}
		}
		if h.Mode != 0o644 || h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 || h.Uname != "" || h.Typeflag != tar.TypeReg {
			t.Errorf("%s in %s: mode %o, owner %d:%d %q, time %v, type %c", h.Name, file, h.Mode, h.Uid, h.Gid, h.Uname, h.ModTime, h.Typeflag)
		}
	}
}

// noise is bytes that no compressor makes smaller.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24), seed))).Read(b)
	return b
}
