package airgap

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/imagetest"
)

// deepName is long, so that few folders make a path that no system call takes.
const deepName = "a-long-name/"

// deepEntries are folders in one another with a file in each.
func deepEntries(depth int) []imagetest.Entry {
	var entries []imagetest.Entry
	dir := "bin/"
	for range depth {
		dir += deepName
		entries = append(entries, imagetest.Entry{Header: tar.Header{Name: dir}}, imagetest.Entry{Header: tar.Header{Name: dir + "f"}, Body: "x"})
	}
	return entries
}

// Paths may be longer than a system call takes, and links and whiteouts may lead
// from the deepest folder to the top and back.
func TestExtractOfDeepFolders(t *testing.T) {
	needLinks(t)
	const depth = 400
	deepest := "bin/" + strings.Repeat(deepName, depth)
	img := packedLayers(t, "linux/amd64",
		imagetest.LayerOf(t, types.OCILayer, append(deepEntries(depth),
			imagetest.Entry{Header: tar.Header{Name: deepest + "top", Linkname: strings.Repeat("../", 300) + "f", Typeflag: tar.TypeSymlink}},
			imagetest.Entry{Header: tar.Header{Name: deepest + "same", Linkname: deepest + "f", Typeflag: tar.TypeLink}},
			imagetest.Entry{Header: tar.Header{Name: "bin/bottom", Linkname: deepest + "f", Typeflag: tar.TypeLink}},
			imagetest.Entry{Header: tar.Header{Name: "bin/e/" + strings.Repeat("e/", depth) + "implied"}, Body: "y"})...),
		imagetest.LayerOf(t, types.OCILayer,
			imagetest.Entry{Header: tar.Header{Name: deepest + ".wh.f"}},
			imagetest.Entry{Header: tar.Header{Name: "bin/e/e/.wh.e"}}))
	dest := filepath.Join(t.TempDir(), "bin")
	files, err := Extract(t.Context(), img, []Extraction{{Path: "/bin", Dest: dest}})
	if err != nil || files != depth-1+3 {
		t.Errorf("%d files instead of %d: %v", files, depth-1+3, err)
	}
	if content, err := os.ReadFile(filepath.Join(dest, "bottom")); string(content) != "x" {
		t.Errorf("bottom is %q: %v", content, err)
	}
	if left, err := os.ReadDir(filepath.Join(dest, "e", "e")); err != nil || len(left) != 0 {
		t.Errorf("%d entries are left below a whiteout: %v", len(left), err)
	}
	// A folder that is there is replaced, however deep it is.
	if _, err := Extract(t.Context(), img, []Extraction{{Path: "/bin", Dest: dest}}); err != nil {
		t.Error(err)
	}
}

func TestExtractCountsFoldersThatNoEntryNames(t *testing.T) {
	img := packedLayers(t, "linux/amd64", imagetest.LayerOf(t, types.OCILayer,
		imagetest.Entry{Header: tar.Header{Name: "bin/" + strings.Repeat("d/", 200) + "f"}, Body: "x"}))
	_, err := ExtractWithin(t.Context(), img, []Extraction{{Path: "/bin", Dest: filepath.Join(t.TempDir(), "bin")}}, ExtractLimits{Entries: 100})
	if err == nil || !strings.Contains(err.Error(), "more than the limit of 100 entries") {
		t.Errorf("extracting 200 folders within a limit of 100 entries: %v", err)
	}
}

// The time for an entry does not depend on its depth.
func BenchmarkExtractDeepFolders(b *testing.B) {
	for _, depth := range []int{500, 1000, 2000} {
		b.Run(fmt.Sprint(depth), func(b *testing.B) {
			img := packedLayers(b, "linux/amd64", imagetest.LayerOf(b, types.OCILayer, deepEntries(depth)...))
			dest := filepath.Join(b.TempDir(), "bin")
			for b.Loop() {
				if _, err := Extract(b.Context(), img, []Extraction{{Path: "/bin", Dest: dest}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
