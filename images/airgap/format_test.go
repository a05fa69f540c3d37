package airgap_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"

	"github.com/klauspost/compress/gzip"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/progress"
)

// Programs write different headers before a file's own header, and a tar of git archive begins with
// a global one.
func TestOpenAcceptsEveryFirstHeader(t *testing.T) {
	long := strings.Repeat("x", 120) + "/layer.tar"
	first := func(h tar.Header, members []airgaptest.TarMember) []airgaptest.TarMember {
		h.Name = members[0].Header.Name
		members[0].Header = h
		return members
	}
	global := airgaptest.TarMember{Header: tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": strings.Repeat("c", 40)}}}
	reordered := airgaptest.Saved(t, long)
	reordered[0], reordered[2] = reordered[2], reordered[0]
	reordered[0].Header.Format = tar.FormatGNU
	for name, members := range map[string][]airgaptest.TarMember{
		"ustar":             airgaptest.Saved(t, "layer.tar"),
		"PAX record":        first(tar.Header{Format: tar.FormatPAX, PAXRecords: map[string]string{"VENDOR.key": "value"}}, airgaptest.Saved(t, "layer.tar")),
		"PAX global header": append([]airgaptest.TarMember{global}, airgaptest.Saved(t, "layer.tar")...),
		"GNU long name":     reordered,
	} {
		t.Run(name, func(t *testing.T) {
			plain := airgaptest.TarOf(t, members...)
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
				path := airgaptest.WriteFile(t, file, content)
				a, err := airgap.Open(t.Context(), path)
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

// Bazel writes a layer once for each image that has it, and buildpacks writes names with a leading
// slash. docker load unpacks an archive to a folder, where several such names are one file.
func TestNamesAreReadAsDockerLoadReadsThem(t *testing.T) {
	rename := func(prefix string, members []airgaptest.TarMember) []airgaptest.TarMember {
		for i := range members {
			members[i].Header.Name = prefix + members[i].Header.Name
		}
		return members
	}
	again := airgaptest.Saved(t, "layer.tar")
	absolute := airgaptest.Saved(t, "/layer.tar")
	absolute[1].Header.Name = "/config.json"
	linked := append(airgaptest.Saved(t, "link"), airgaptest.TarMember{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: "link", Linkname: "/layer.tar"}},
		airgaptest.TarMember{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: "./link", Linkname: "layer.tar"}})
	linked[2].Header.Name = "layer.tar"
	for name, c := range map[string]struct {
		members []airgaptest.TarMember
		note    string
	}{
		"every file twice":     {append(again, again...), "more than once, with the same content: 3 files"},
		"a leading slash":      {absolute, "named with / or ./ in front"},
		"a leading dot":        {rename("./", airgaptest.Saved(t, "layer.tar")), "named with / or ./ in front"},
		"under both spellings": {append(rename("./", airgaptest.Saved(t, "layer.tar")), airgaptest.Saved(t, "layer.tar")...), "more than once"},
		"a link from the top":  {linked, "named with / or ./"},
	} {
		t.Run(name, func(t *testing.T) {
			path := airgaptest.WriteFile(t, "a.tar", airgaptest.TarOf(t, c.members...))
			a, err := airgap.Open(t.Context(), path)
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
			if err := airgaptest.NewStore(t).AddImage(t.Context(), img); err != nil {
				t.Error(err)
			}
			report, err := verify.Archive(t.Context(), path, verify.Options{})
			if err != nil || len(report.Problems) > 0 || !strings.Contains(strings.Join(report.Notes, "\n"), c.note) {
				t.Errorf("%+v, %v; want the note %q", report, err, c.note)
			}
		})
	}
}

// Content that readers interpret differently is an error for everything that reads it: for views
// and configs before they are used, for layers by their digests.
func TestOneNameForDifferentFilesIsRefused(t *testing.T) {
	for name, change := range map[string]func(m []airgaptest.TarMember) []airgaptest.TarMember{
		"manifest.json": func(m []airgaptest.TarMember) []airgaptest.TarMember {
			return append(m, airgaptest.TarMember{Header: tar.Header{Name: "./manifest.json"}, Content: strings.Replace(m[0].Content, "acme/a", "evil/b", 1)})
		},
		"config": func(m []airgaptest.TarMember) []airgaptest.TarMember {
			return append(m, airgaptest.TarMember{Header: tar.Header{Name: "/config.json"}, Content: strings.Replace(m[1].Content, "amd64", "arm64", 1)})
		},
		"layer of another size": func(m []airgaptest.TarMember) []airgaptest.TarMember {
			return append(m, airgaptest.TarMember{Header: tar.Header{Name: "layer.tar"}, Content: m[2].Content + strings.Repeat("\x00", 512)})
		},
		"layer before the right one": func(m []airgaptest.TarMember) []airgaptest.TarMember {
			wrong := airgaptest.TarMember{Header: tar.Header{Name: "layer.tar"}, Content: strings.Replace(m[2].Content, "bin/a", "bin/b", 1)}
			return []airgaptest.TarMember{m[0], m[1], wrong, m[2]}
		},
		"link": func(m []airgaptest.TarMember) []airgaptest.TarMember {
			return append(m, airgaptest.TarMember{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: "layer.tar", Linkname: "config.json"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := airgaptest.WriteFile(t, "a.tar", airgaptest.TarOf(t, change(airgaptest.Saved(t, "layer.tar"))...))
			report, err := verify.Archive(t.Context(), path, verify.Options{})
			if err != nil || len(report.Problems) == 0 {
				t.Errorf("Verify: %+v, %v", report, err)
			}
			a, err := airgap.Open(t.Context(), path)
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
func allContent(t *testing.T, a *airgap.Archive) error {
	list, err := a.Images(t.Context())
	for _, packed := range list {
		img, imgErr := packed.Image(t.Context())
		if imgErr != nil {
			return imgErr
		}
		if err := airgaptest.NewStore(t).AddImage(t.Context(), img); err != nil {
			return err
		}
	}
	if _, rest := a.File(t.Context(), "no such file"); err == nil && !errors.Is(rest, fs.ErrNotExist) {
		return rest
	}
	return err
}

// A name that cannot be parsed does not affect other names. Names that only some readers can parse
// are reported by everything that writes and checks.
func TestNamesThatReadersCannotParse(t *testing.T) {
	members := airgaptest.Saved(t, "layer.tar")
	members[0].Content = strings.Replace(members[0].Content, `["acme/a:v1"]`, `["acme/a:v1","Acme/B:v1"]`, 1)
	path := airgaptest.WriteFile(t, "a.tar", airgaptest.TarOf(t, members...))
	a, err := airgap.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var warned airgaptest.Warnings
	list, err := a.Images(progress.With(t.Context(), &warned))
	if err != nil || len(list) != 1 || len(list[0].Names) != 1 {
		t.Errorf("%d images, %v", len(list), err)
	}
	if len(warned.Said) != 1 || !strings.Contains(warned.Said[0], `"Acme/B:v1" is not an image reference`) {
		t.Errorf("warnings %q", warned.Said)
	}
	if _, err := airgap.Find(t.Context(), airgaptest.Ref(t, "acme/a:v1"), nil, []string{path}); err != nil {
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
		image := airgaptest.Simple(t, "acme/a:v1", "linux/amd64")
		image.Names[0] = parsed
		warned := airgaptest.Warnings{}
		out := filepath.Join(t.TempDir(), "a.tar")
		if _, err := pack.Write(progress.With(t.Context(), &warned), airgaptest.NewStore(t), []pack.Image{image}, []pack.Output{{Path: out}}, pack.Options{}); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		report := mustVerify(t, out, verify.Options{})
		for where, notes := range map[string][]string{"warnings": warned.Said, "notes": report.Notes} {
			if said := strings.Join(notes, "\n"); (want == "") != (said == "") || !strings.Contains(said, want) {
				t.Errorf("%s: %s %q, want %q", text, where, said, want)
			}
		}
		if len(report.Problems) > 0 {
			t.Errorf("%s: %v", text, report.Problems)
		}
	}
}
