package airgaptest

import (
	ocilayout "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"

	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/images/store"
)

func NewStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Pack writes archives of all codecs and returns their paths.
func Pack(t testing.TB, content *store.Store, all []pack.Image, opts pack.Options) map[format.Codec]string {
	t.Helper()
	dir := t.TempDir()
	paths := map[format.Codec]string{}
	var outputs []pack.Output
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		paths[codec] = filepath.Join(dir, "images."+string(codec))
		outputs = append(outputs, pack.Output{Path: paths[codec]})
	}
	if _, err := pack.Write(t.Context(), content, all, outputs, opts); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(outputs) {
		t.Errorf("Pack left %d files instead of %d", len(entries), len(outputs))
	}
	return paths
}

// PackOne writes one archive to path.
func PackOne(t testing.TB, content *store.Store, path string, all ...pack.Image) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := pack.Write(t.Context(), content, all, []pack.Output{{Path: path}}, pack.Options{Level: "fastest"}); err != nil {
		t.Fatal(err)
	}
}

// Split packs images in parts of at most each bytes, and returns the path of the archive.
func Split(t testing.TB, codec format.Codec, each int64, all ...pack.Image) (string, pack.Result) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "images."+string(codec))
	results, err := pack.Write(t.Context(), NewStore(t), all, []pack.Output{{Path: path, Split: each}}, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return path, results[0]
}

// LayoutTar writes a tar of an OCI layout whose index.json contains idx under a name, in the form
// of other programs: without manifest.json, and sorted by name.
func LayoutTar(t testing.TB, path, called string, idx v1.ImageIndex) {
	t.Helper()
	dir := t.TempDir()
	written, err := ocilayout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := written.AppendIndex(idx, ocilayout.WithAnnotations(map[string]string{images.RefNameAnnotation: called})); err != nil {
		t.Fatal(err)
	}
	var entries []imagetest.Entry
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(file)
		e := imagetest.Entry{Body: string(b)}
		e.Name = filepath.ToSlash(rel)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, imagetest.Tar(t, entries...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Foreign returns an archive in the form of another program: one stream without an index, in the
// opposite order.
func Foreign(t testing.TB, path string, codec format.Codec) string {
	t.Helper()
	names, content, _ := Untar(t, path, codec)
	slices.Reverse(names)
	var entries []imagetest.Entry
	for _, n := range names {
		e := imagetest.Entry{Body: string(content[n])}
		e.Name = n
		entries = append(entries, e)
	}
	raw := imagetest.Tar(t, entries...)
	compressed := raw
	if codec != format.Tar {
		compressed = Compress(t, codec, raw)
	}
	file := filepath.Join(t.TempDir(), "foreign."+string(codec))
	if err := os.WriteFile(file, compressed, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// Compress returns a frame with the content b, made by the library's encoders.
func Compress(t testing.TB, codec format.Codec, b []byte) []byte {
	t.Helper()
	if codec == format.Gzip {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(format.MaxWindow))
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}
