package airgap_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/airgaptest"
	"github.com/slipway-build/slipway/images/airgap/format"
)

func TestReadersAcceptParts(t *testing.T) {
	all := airgaptest.SampleImages(t)
	for _, codec := range []format.Codec{format.Tar, format.Zstd, format.Gzip} {
		t.Run(string(codec), func(t *testing.T) {
			path, result := airgaptest.Split(t, codec, 9_999, all...)
			for _, name := range []string{path, result.Parts[0], result.Parts[2]} {
				a, err := airgap.Open(t.Context(), name)
				if err != nil {
					t.Fatal(err)
				}
				defer a.Close()
				if a.Size() != result.Size || a.Path() != path || a.Codec() != codec {
					t.Errorf("Open(%s) is %s, %s, %d bytes", name, a.Path(), a.Codec(), a.Size())
				}
				list, err := a.Images(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if len(list) != len(all) {
					t.Errorf("%d images instead of %d", len(list), len(all))
				}
			}
			dir := filepath.Dir(path)
			for _, paths := range [][]string{{dir}, {path}, result.Parts} {
				files, err := airgap.ListArchives(paths)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{path}, files); diff != "" {
					t.Errorf("ListArchives(%q) (-want +got):\n%s", paths, diff)
				}
			}
			found, err := airgap.Find(t.Context(), airgaptest.Ref(t, "rancher/runtime:v1.34.1-r1"), nil, []string{dir})
			if err != nil {
				t.Fatal(err)
			}
			defer found.Close()
			img, err := found.Image.Image(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			layers, err := img.Layers()
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range layers {
				r, err := l.Compressed()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					t.Error(err)
				}
				r.Close()
			}
		})
	}
}

func TestOpenReportsMissingAndDamagedParts(t *testing.T) {
	at := func(path string, n int) string { return format.PartPath(path, n) }
	for _, c := range []struct {
		name   string
		damage func(path string, last int) error
		want   string
	}{
		{"no first part", func(path string, _ int) error { return os.Remove(at(path, 1)) }, "these are missing: images.tar.part001"},
		{"two in the middle", func(path string, _ int) error { return errors.Join(os.Remove(at(path, 3)), os.Remove(at(path, 2))) },
			"these are missing: images.tar.part002, images.tar.part003"},
		{"no last part", func(path string, last int) error { return os.Remove(at(path, last)) }, "these are missing: images.tar.part0"},
		{"one cut off", func(path string, _ int) error { return os.Truncate(at(path, 2), 777) }, "part images.tar.part002 has 777 bytes, and images.tar.part001 has 100000"},
		{"one too many", func(path string, last int) error { return os.WriteFile(at(path, last+1), nil, 0o644) }, "is not one of its parts: images.tar.sha256 lists"},
		{"digests of nothing", func(path string, _ int) error {
			return os.WriteFile(path+".sha256", []byte("abc  images.tar.part001\n"), 0o644)
		}, "images.tar.sha256:1: want the SHA-256 of images.tar.part001"},
		{"nothing at all", func(path string, last int) error {
			var errs []error
			for n := range last {
				errs = append(errs, os.Remove(at(path, n+1)))
			}
			return errors.Join(errs...)
		}, "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, result := airgaptest.Split(t, format.Tar, 100_000, airgaptest.GzipImages(t)...)
			if err := c.damage(path, len(result.Parts)); err != nil {
				t.Fatal(err)
			}
			a, err := airgap.Open(t.Context(), path)
			if err == nil {
				a.Close()
			}
			if c.name == "nothing at all" && errors.Is(err, fs.ErrNotExist) {
				return // the rest is the system's text
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
		})
	}
}
