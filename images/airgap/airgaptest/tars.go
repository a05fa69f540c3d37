package airgaptest

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/imagetest"
)

// A TarMember is a file of a tar under construction. Members with the same name are repeated in the
// tar.
type TarMember struct {
	Header  tar.Header
	Content string
}

// TarOf writes a tar of members.
func TarOf(t testing.TB, members ...TarMember) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := m.Header
		if h.Typeflag != tar.TypeXGlobalHeader {
			h.Size, h.Mode = int64(len(m.Content)), 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.Content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Saved returns the files of a docker save of one image called acme/a:v1 with one layer, whose file
// is called layer.
func Saved(t testing.TB, layer string) []TarMember {
	t.Helper()
	img := imagetest.Image(t, "linux/amd64", imagetest.Layer(t, imagetest.Files{"bin/a": "a"}))
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal([]format.ManifestEntry{{Config: "config.json", RepoTags: []string{"acme/a:v1"}, Layers: []string{layer}}})
	if err != nil {
		t.Fatal(err)
	}
	named := func(name, content string) TarMember { return TarMember{tar.Header{Name: name}, content} }
	return []TarMember{named("manifest.json", string(manifest)), named("config.json", string(config)), named(layer, string(content))}
}

// WriteFile writes an archive and returns its path.
func WriteFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Untar decompresses an archive without this package's readers. It checks that each folder comes
// before its files, as some readers do not create folders. names does not contain folders.
func Untar(t testing.TB, file string, codec format.Codec) (names []string, content map[string][]byte, raw []byte) {
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
			t.Errorf("%s in %s: missing entry for its folder", h.Name, file)
		}
		if h.Typeflag == tar.TypeDir && h.Mode == 0o755 {
			folders[path.Clean(h.Name)] = true
			h.Typeflag, h.Mode = tar.TypeReg, 0o644 // so that the rest can be compared
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

// HexDigest returns the SHA-256 of b in hex.
func HexDigest(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
