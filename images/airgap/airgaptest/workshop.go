package airgaptest

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/pack"

	"github.com/slipway-build/slipway/images/airgap/format"
)

// A Workshop takes an archive apart, and builds a changed one.
type Workshop struct {
	t       testing.TB
	Names   []string
	Content map[string][]byte
}

// NewWorkshop packs images and takes the archive apart.
func NewWorkshop(t testing.TB, all ...pack.Image) *Workshop {
	t.Helper()
	path := filepath.Join(t.TempDir(), "good.tar")
	PackOne(t, NewStore(t), path, all...)
	return OpenWorkshop(t, path)
}

// OpenWorkshop takes a plain tar apart.
func OpenWorkshop(t testing.TB, path string) *Workshop {
	t.Helper()
	names, content, _ := Untar(t, path, format.Tar)
	return &Workshop{t, names, content}
}

// Set changes a file, or adds it at the end.
func (w *Workshop) Set(name string, content []byte) {
	if _, ok := w.Content[name]; !ok {
		w.Names = append(w.Names, name)
	}
	w.Content[name] = content
}

// Drop removes a file.
func (w *Workshop) Drop(name string) {
	w.Names = slices.DeleteFunc(w.Names, func(n string) bool { return n == name })
	delete(w.Content, name)
}

// edit changes a JSON file.
func (w *Workshop) edit(name string, change func(v any)) {
	w.t.Helper()
	var v any
	if err := json.Unmarshal(w.Content[name], &v); err != nil {
		w.t.Fatal(err)
	}
	change(v)
	raw, err := json.Marshal(v)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Content[name] = raw
}

// Docker changes an image of manifest.json.
func (w *Workshop) Docker(i int, change func(m map[string]any)) {
	w.edit(format.ManifestJSON, func(v any) { change(v.([]any)[i].(map[string]any)) })
}

// OCI changes an entry of index.json.
func (w *Workshop) OCI(i int, change func(m map[string]any)) {
	w.edit(format.IndexJSON, func(v any) { change(v.(map[string]any)["manifests"].([]any)[i].(map[string]any)) })
}

// Manifest changes the manifest of the first image, and all references to it.
func (w *Workshop) Manifest(change func(m map[string]any)) {
	var old string
	w.OCI(0, func(m map[string]any) { old = format.BlobFolder + strings.TrimPrefix(m["digest"].(string), "sha256:") })
	w.edit(old, func(v any) { change(v.(map[string]any)) })
	raw := w.Content[old]
	renamed := format.BlobFolder + HexDigest(raw)
	w.Names[slices.Index(w.Names, old)] = renamed
	delete(w.Content, old)
	w.Content[renamed] = raw
	w.OCI(0, func(m map[string]any) { m["digest"], m["size"] = "sha256:"+HexDigest(raw), len(raw) })
}

// Config returns the name of the config of the first image.
func (w *Workshop) Config() (name string) {
	w.Docker(0, func(m map[string]any) { name = m["Config"].(string) })
	return name
}

// Layer returns the name of the first layer of the first image.
func (w *Workshop) Layer() (name string) {
	w.Docker(0, func(m map[string]any) { name = m["Layers"].([]any)[0].(string) })
	return name
}

// Tar returns all files as one tar.
func (w *Workshop) Tar() []byte {
	w.t.Helper()
	var b bytes.Buffer
	tw := tar.NewWriter(&b)
	for _, n := range w.Names {
		if err := tw.WriteHeader(&tar.Header{Name: n, Size: int64(len(w.Content[n])), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			w.t.Fatal(err)
		}
		if _, err := tw.Write(w.Content[n]); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// Framed returns an archive as pack writes it, with a frame for each file. change may damage its
// index.
func (w *Workshop) Framed(codec format.Codec, change func(*format.Index)) []byte {
	w.t.Helper()
	idx := format.NewIndex()
	var out bytes.Buffer
	frame := func(raw []byte, entries []format.Entry) {
		compressed := Compress(w.t, codec, raw)
		idx.Add(int64(len(compressed)), int64(len(raw)), entries)
		out.Write(compressed)
	}
	for _, n := range w.Names {
		content := w.Content[n]
		size := int64(len(content))
		header, err := format.TarHeader(n, size)
		if err != nil {
			w.t.Fatal(err)
		}
		raw := slices.Concat(header, content, format.Zeros(format.Padding(size)))
		frame(raw, []format.Entry{{Name: n, Offset: int64(len(header)), Size: size}})
	}
	frame(format.Zeros(format.TarEnd), nil)
	if change != nil {
		change(idx)
	}
	tail, err := idx.Encode(codec)
	if err != nil {
		w.t.Fatal(err)
	}
	return append(out.Bytes(), tail...)
}
