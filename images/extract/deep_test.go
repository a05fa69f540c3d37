package extract

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

// deepName is long, so that a few folders make a path that is too long for system calls.
const deepName = "a-long-name/"

// deepEntries returns nested folders with a file in each.
func deepEntries(depth int) []imagetest.Entry {
	var entries []imagetest.Entry
	dir := "bin/"
	for range depth {
		dir += deepName
		entries = append(entries, imagetest.Entry{Header: tar.Header{Name: dir}}, imagetest.Entry{Header: tar.Header{Name: dir + "f"}, Body: "x"})
	}
	return entries
}

// Paths may be too long for system calls, and links and whiteouts may lead from the deepest folder
// to the top and back.
func TestExtractOfDeepFolders(t *testing.T) {
	needLinks(t)
	const depth = 400
	deepest := "bin/" + strings.Repeat(deepName, depth)
	img := layered(t, "linux/amd64",
		imagetest.LayerOf(t, types.OCILayer, append(deepEntries(depth),
			imagetest.Entry{Header: tar.Header{Name: deepest + "top", Linkname: strings.Repeat("../", 300) + "f", Typeflag: tar.TypeSymlink}},
			imagetest.Entry{Header: tar.Header{Name: deepest + "same", Linkname: deepest + "f", Typeflag: tar.TypeLink}},
			imagetest.Entry{Header: tar.Header{Name: "bin/bottom", Linkname: deepest + "f", Typeflag: tar.TypeLink}},
			imagetest.Entry{Header: tar.Header{Name: "bin/e/" + strings.Repeat("e/", depth) + "implied"}, Body: "y"})...),
		imagetest.LayerOf(t, types.OCILayer,
			imagetest.Entry{Header: tar.Header{Name: deepest + ".wh.f"}},
			imagetest.Entry{Header: tar.Header{Name: "bin/e/e/.wh.e"}}))
	dest := filepath.Join(t.TempDir(), "bin")
	files, err := Folders(t.Context(), img, []Folder{{Path: "/bin", Dest: dest}}, Limits{})
	if err != nil || files != depth-1+3 {
		t.Errorf("%d files instead of %d: %v", files, depth-1+3, err)
	}
	if content, err := os.ReadFile(filepath.Join(dest, "bottom")); string(content) != "x" {
		t.Errorf("bottom is %q: %v", content, err)
	}
	if left, err := os.ReadDir(filepath.Join(dest, "e", "e")); err != nil || len(left) != 0 {
		t.Errorf("%d entries remain below a whiteout: %v", len(left), err)
	}
	// An existing folder is replaced, however deep it is.
	if _, err := Folders(t.Context(), img, []Folder{{Path: "/bin", Dest: dest}}, Limits{}); err != nil {
		t.Error(err)
	}
}

// Opening folders and following links takes the same time for a deep entry, in whatever order
// entries come: here from the deepest folder upwards.
func TestExtractingDeepFoldersIsLinear(t *testing.T) {
	needLinks(t)
	const depth = 500
	folder, err := newTempFolder(filepath.Join(t.TempDir(), "bin"))
	if err != nil {
		t.Fatal(err)
	}
	o := newOverlay([]*target{{path: "bin", folder: folder}}, Limits{}, false)
	defer folder.discard()
	defer o.folders.close()
	o.begin(0, false)
	apply := func(h tar.Header) {
		t.Helper()
		if err := o.apply(&h, strings.NewReader("")); err != nil {
			t.Fatal(err)
		}
	}
	apply(tar.Header{Name: "bin/" + strings.Repeat("d/", depth), Typeflag: tar.TypeDir})
	links := map[string]string{"above": "../file", "absolute": "/bin/file", "other": "./above", "below": "d/below"}
	for i := depth; i >= 0; i-- {
		dir := "bin/" + strings.Repeat("d/", i)
		apply(tar.Header{Name: dir + "file", Typeflag: tar.TypeReg, Mode: 0o644})
		for name, to := range links {
			// Such links would lead out of the folder, or through too many links.
			if i == 0 && name != "absolute" || name == "below" && i < depth-30 {
				continue
			}
			apply(tar.Header{Name: dir + name, Typeflag: tar.TypeSymlink, Linkname: to})
		}
	}
	if err := o.end(); err != nil {
		t.Fatal(err)
	}
	if _, err := o.finish(); err != nil {
		t.Fatal(err)
	}
	entries := depth * (1 + len(links))
	if most := 8 * entries; o.folders.opened > most {
		t.Errorf("%d elements of paths were opened for %d entries, want at most %d", o.folders.opened, entries, most)
	}
	if most := 8 * entries; o.steps > most {
		t.Errorf("links were followed through %d names for %d entries, want at most %d", o.steps, entries, most)
	}
	if content, err := os.ReadFile(filepath.Join(folder.path, strings.Repeat("d/", 20), "other")); err != nil || len(content) != 0 {
		t.Errorf("a link to a link: %q, %v", content, err)
	}
}

func TestExtractCountsFoldersWithoutEntries(t *testing.T) {
	img := layered(t, "linux/amd64", imagetest.LayerOf(t, types.OCILayer,
		imagetest.Entry{Header: tar.Header{Name: "bin/" + strings.Repeat("d/", 200) + "f"}, Body: "x"}))
	_, err := Folders(t.Context(), img, []Folder{{Path: "/bin", Dest: filepath.Join(t.TempDir(), "bin")}}, Limits{Entries: 100})
	if err == nil || !strings.Contains(err.Error(), "more than the limit of 100 entries") {
		t.Errorf("extracting 200 folders within a limit of 100 entries: %v", err)
	}
}

// The time for an entry does not depend on its depth.
func BenchmarkExtractDeepFolders(b *testing.B) {
	for _, depth := range []int{500, 1000, 2000} {
		b.Run(fmt.Sprint(depth), func(b *testing.B) {
			img := layered(b, "linux/amd64", imagetest.LayerOf(b, types.OCILayer, deepEntries(depth)...))
			dest := filepath.Join(b.TempDir(), "bin")
			for b.Loop() {
				if _, err := Folders(b.Context(), img, []Folder{{Path: "/bin", Dest: dest}}, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
