package airgap

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/imagetest"
)

func mustVerify(t testing.TB, path string, o verify.Options) *verify.Report {
	t.Helper()
	r, err := verify.Archive(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A workshop takes an archive apart and puts it together otherwise.
type workshop struct {
	t       testing.TB
	names   []string
	content map[string][]byte
}

func (w *workshop) drop(name string) {
	w.names = slices.DeleteFunc(w.names, func(n string) bool { return n == name })
	delete(w.content, name)
}

// edit changes a JSON file.
func (w *workshop) edit(name string, change func(v any)) {
	w.t.Helper()
	var v any
	if err := json.Unmarshal(w.content[name], &v); err != nil {
		w.t.Fatal(err)
	}
	change(v)
	raw, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	w.content[name] = raw
}

// docker changes an image of manifest.json, oci an entry of index.json.
func (w *workshop) docker(i int, change func(m map[string]any)) {
	w.edit(format.ManifestJSON, func(v any) { change(v.([]any)[i].(map[string]any)) })
}

// config is the name of the config of the image at the front, layer that of its
// first layer.
func (w *workshop) config() (name string) {
	w.docker(0, func(m map[string]any) { name = m["Config"].(string) })
	return name
}

// tar writes it all as one tar.
func (w *workshop) tar() []byte {
	w.t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, n := range w.names {
		if err := tw.WriteHeader(&tar.Header{Name: n, Size: int64(len(w.content[n])), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			w.t.Fatal(err)
		}
		if _, err := tw.Write(w.content[n]); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// compress makes a frame of b.
func compress(t testing.TB, codec format.Codec, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := map[format.Codec]openCompressor{format.Zstd: openZstd, format.Gzip: openGzip}[codec](&out, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// compareParts wants each of got to have the part at its place.
func compareParts(t testing.TB, what string, want, got []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d %s instead of %d:\n%s", len(got), what, len(want), strings.Join(got, "\n"))
		return
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("%s: %q does not say %q", what, got[i], want[i])
		}
	}
}

// noise is bytes that no compressor makes smaller.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte(binary.LittleEndian.AppendUint64(make([]byte, 24), seed))).Read(b)
	return b
}

// packed is the image of an archive that has only it.
func packed(t testing.TB, path string) *PackedImage {
	t.Helper()
	a, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	list, err := a.Images(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("%d images: %v", len(list), err)
	}
	return list[0]
}

// foreign is the archive as another program would write it: one stream without an
// index, in the opposite order.
func foreign(t testing.TB, path string, codec format.Codec) string {
	t.Helper()
	names, content, _ := untar(t, path, codec)
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
		compressed = compress(t, codec, raw)
	}
	file := filepath.Join(t.TempDir(), "foreign."+string(codec))
	if err := os.WriteFile(file, compressed, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
