package airgap

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// A file of a tar under construction. A name of several is one file repeated.
type tarMember struct {
	header  tar.Header
	content string
}

// tarOf writes a tar of members.
func tarOf(t testing.TB, members ...tarMember) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := m.header
		if h.Typeflag != tar.TypeXGlobalHeader {
			h.Size, h.Mode = int64(len(m.content)), 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// saved are the files of a docker save of one image called acme/a:v1 with one
// layer, whose file is called layer.
func saved(t testing.TB, layer string) []tarMember {
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
	named := func(name, content string) tarMember { return tarMember{tar.Header{Name: name}, content} }
	return []tarMember{named("manifest.json", string(manifest)), named("config.json", string(config)), named(layer, string(content))}
}

// writeFile writes an archive and returns its path.
func writeFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Programs differ in what they write before a file's own header, and a tar of git
// archive begins with a global one.
func TestOpenWhateverTheFirstHeaderIs(t *testing.T) {
	long := strings.Repeat("x", 120) + "/layer.tar"
	first := func(h tar.Header, members []tarMember) []tarMember {
		h.Name = members[0].header.Name
		members[0].header = h
		return members
	}
	global := tarMember{header: tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": strings.Repeat("c", 40)}}}
	reordered := saved(t, long)
	reordered[0], reordered[2] = reordered[2], reordered[0]
	reordered[0].header.Format = tar.FormatGNU
	for name, members := range map[string][]tarMember{
		"ustar":             saved(t, "layer.tar"),
		"PAX record":        first(tar.Header{Format: tar.FormatPAX, PAXRecords: map[string]string{"VENDOR.key": "value"}}, saved(t, "layer.tar")),
		"PAX global header": append([]tarMember{global}, saved(t, "layer.tar")...),
		"GNU long name":     reordered,
	} {
		t.Run(name, func(t *testing.T) {
			plain := tarOf(t, members...)
			var zipped bytes.Buffer
			w := gzip.NewWriter(&zipped)
			if _, err := w.Write(plain); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			for file, content := range map[string][]byte{
				"a.tar": plain, "a.tar.gz": zipped.Bytes(), "padded.tar.gz": append(zipped.Bytes(), make([]byte, 10<<10)...),
			} {
				path := writeFile(t, file, content)
				a, err := Open(t.Context(), path)
				if err != nil {
					t.Fatal(err)
				}
				defer a.Close()
				list, err := a.Images(t.Context())
				if err != nil || len(list) != 1 || list[0].Names[0] != "docker.io/acme/a:v1" {
					t.Errorf("%s: %d images, %v", file, len(list), err)
				}
				report, err := verify.Archive(t.Context(), path, verify.Options{})
				if err != nil || len(report.Problems) > 0 || report.Images != 1 {
					t.Errorf("%s: %v, %v", file, report, err)
				}
			}
		})
	}
}

// Bazel writes a layer once for each image that has it; buildpacks name files with
// a leading slash. docker load unpacks an archive into a folder, where both mean
// one file.
func TestNamesAreReadAsDockerLoadReadsThem(t *testing.T) {
	rename := func(prefix string, members []tarMember) []tarMember {
		for i := range members {
			members[i].header.Name = prefix + members[i].header.Name
		}
		return members
	}
	again := saved(t, "layer.tar")
	absolute := saved(t, "/layer.tar")
	absolute[1].header.Name = "/config.json"
	linked := append(saved(t, "link"), tarMember{header: tar.Header{Typeflag: tar.TypeSymlink, Name: "link", Linkname: "/layer.tar"}},
		tarMember{header: tar.Header{Typeflag: tar.TypeSymlink, Name: "./link", Linkname: "layer.tar"}})
	linked[2].header.Name = "layer.tar"
	for name, c := range map[string]struct {
		members []tarMember
		note    string
	}{
		"every file twice":     {append(again, again...), "more than once, with the same content: 3 files"},
		"a leading slash":      {absolute, "named with / or ./ in front"},
		"a leading dot":        {rename("./", saved(t, "layer.tar")), "named with / or ./ in front"},
		"under both spellings": {append(rename("./", saved(t, "layer.tar")), saved(t, "layer.tar")...), "more than once"},
		"a link from the top":  {linked, "named with / or ./"},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, "a.tar", tarOf(t, c.members...))
			a, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			list, err := a.Images(t.Context())
			if err != nil || len(list) != 1 {
				t.Fatalf("%d images, %v", len(list), err)
			}
			img, err := list[0].Image(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := newStore(t).AddImage(t.Context(), img); err != nil {
				t.Error(err)
			}
			report, err := verify.Archive(t.Context(), path, verify.Options{})
			if err != nil || len(report.Problems) > 0 || !strings.Contains(strings.Join(report.Notes, "\n"), c.note) {
				t.Errorf("%+v, %v; want the note %q", report, err, c.note)
			}
		})
	}
}

// What readers take differently is an error of all that read: of the views and
// configs before anything is taken from them, of layers by their digests.
func TestOneNameForDifferentFilesIsRefused(t *testing.T) {
	for name, change := range map[string]func(m []tarMember) []tarMember{
		"manifest.json": func(m []tarMember) []tarMember {
			return append(m, tarMember{tar.Header{Name: "./manifest.json"}, strings.Replace(m[0].content, "acme/a", "evil/b", 1)})
		},
		"config": func(m []tarMember) []tarMember {
			return append(m, tarMember{tar.Header{Name: "/config.json"}, strings.Replace(m[1].content, "amd64", "arm64", 1)})
		},
		"layer of another size": func(m []tarMember) []tarMember {
			return append(m, tarMember{tar.Header{Name: "layer.tar"}, m[2].content + strings.Repeat("\x00", 512)})
		},
		"layer before the right one": func(m []tarMember) []tarMember {
			wrong := tarMember{tar.Header{Name: "layer.tar"}, strings.Replace(m[2].content, "bin/a", "bin/b", 1)}
			return []tarMember{m[0], m[1], wrong, m[2]}
		},
		"link": func(m []tarMember) []tarMember {
			return append(m, tarMember{header: tar.Header{Typeflag: tar.TypeSymlink, Name: "layer.tar", Linkname: "config.json"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, "a.tar", tarOf(t, change(saved(t, "layer.tar"))...))
			report, err := verify.Archive(t.Context(), path, verify.Options{})
			if err != nil || len(report.Problems) == 0 {
				t.Errorf("Verify: %+v, %v", report, err)
			}
			a, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			err = allContent(t, a)
			if err == nil || !strings.Contains(err.Error(), "duplicate file") && !strings.Contains(err.Error(), "digest") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// allContent reads all images of an archive.
func allContent(t *testing.T, a *Archive) error {
	list, err := a.Images(t.Context())
	for _, packed := range list {
		img, imgErr := packed.Image(t.Context())
		if imgErr != nil {
			return imgErr
		}
		if err := newStore(t).AddImage(t.Context(), img); err != nil {
			return err
		}
	}
	if _, rest := a.lookup(t.Context(), "no such file"); err == nil && !errors.Is(rest, fs.ErrNotExist) {
		return rest
	}
	return err
}

// One name that cannot be parsed costs that name alone. Names that only some readers
// parse are noted by all that write and check.
func TestNamesThatReadersCannotParse(t *testing.T) {
	members := saved(t, "layer.tar")
	members[0].content = strings.Replace(members[0].content, `["acme/a:v1"]`, `["acme/a:v1","Acme/B:v1"]`, 1)
	path := writeFile(t, "a.tar", tarOf(t, members...))
	a, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var warned warnings
	list, err := a.Images(progress.With(t.Context(), &warned))
	if err != nil || len(list) != 1 || len(list[0].Names) != 1 {
		t.Errorf("%d images, %v", len(list), err)
	}
	if len(warned.said) != 1 || !strings.Contains(warned.said[0], `"Acme/B:v1" is not an image reference`) {
		t.Errorf("warnings %q", warned.said)
	}
	if _, err := Find(t.Context(), ref(t, "acme/a:v1"), nil, []string{path}); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		"[2001:db8::1]:5000/acme/a:v1": "Docker 20.10 and podman cannot parse the IPv6 address",
		"example.com/a:v1":             "RKE2 and crane want repositories of two letters at least",
		"example.com/acme/a:v1":        "",
	} {
		parsed, err := images.ParseReference(text)
		if err != nil {
			t.Fatal(err)
		}
		image := simple(t, "acme/a:v1", "linux/amd64")
		image.Names[0] = parsed
		warned := warnings{}
		out := filepath.Join(t.TempDir(), "a.tar")
		if _, err := Pack(progress.With(t.Context(), &warned), newStore(t), []Image{image}, []Output{{Path: out}}, Options{}); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		report := mustVerify(t, out, verify.Options{})
		for where, notes := range map[string][]string{"warnings": warned.said, "notes": report.Notes} {
			if said := strings.Join(notes, "\n"); (want == "") != (said == "") || !strings.Contains(said, want) {
				t.Errorf("%s: %s %q, want %q", text, where, said, want)
			}
		}
		if len(report.Problems) > 0 {
			t.Errorf("%s: %v", text, report.Problems)
		}
	}
}
