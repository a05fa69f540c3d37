package extract

import (
	"archive/tar"
	"fmt"
	"math/rand/v2"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/fstree"
	"github.com/slipway-build/slipway/images/imagetest"
	form "github.com/slipway-build/slipway/images/layer"
)

// Extract applies layers to one another like the builder that reads bases.
func TestExtractAgreesWithTheBuilder(t *testing.T) {
	needLinks(t)
	if runtime.GOOS == "windows" {
		t.Skip("modes and names differ on Windows")
	}
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 2))
		stack := fstree.NewStack()
		var layers []v1.Layer
		bodies := map[string]string{}
		var files []string
		var said error
		var listing strings.Builder
		for i := range 1 + r.IntN(3) {
			entries := anyLayer(r, i, &files)
			layers = append(layers, imagetest.LayerOf(t, types.OCILayer, entries...))
			var headers []fstree.Header
			for j, e := range entries {
				h := e.Header
				headers = append(headers, fstree.Header{Name: h.Name, Type: h.Typeflag, Mode: h.Mode, Size: int64(len(e.Body)), Link: h.Linkname})
				bodies[fmt.Sprint(i, " ", j)] = e.Body
				fmt.Fprintf(&listing, "%d %c %s %s %q\n", i, h.Typeflag, h.Name, h.Linkname, e.Body)
			}
			if said == nil {
				said = stack.Add(&fstree.Archive{ID: fmt.Sprint(i)}, headers, form.Plain)
			}
		}
		dest := filepath.Join(t.TempDir(), "out")
		_, err := Folders(t.Context(), layered(t, "linux/amd64", layers...), []Folder{{Path: "/", Dest: dest}}, Limits{})
		if err != nil && strings.Contains(err.Error(), "leads out of the folder") {
			continue
		}
		if (err != nil) != (said != nil) {
			t.Errorf("seed %d: extract returns %v, the builder %v\n%s", seed, err, said, listing.String())
			continue
		}
		if err != nil {
			continue
		}
		var want strings.Builder
		listTree(t, &want, stack.Root, "", bodies)
		if diff := cmp.Diff(want.String(), onDisk(t, dest)); diff != "" {
			t.Errorf("seed %d: other files (-builder +extract):\n%s\nlayers:\n%s", seed, diff, listing.String())
		}
	}
}

// listTree lists a tree in the format of onDisk.
func listTree(t *testing.T, to *strings.Builder, n *fstree.Node, at string, bodies map[string]string) {
	names, err := n.Names()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, name := range names {
		place, err := fstree.Resolve(n, name, false)
		if err != nil {
			t.Fatal(err)
		}
		child, p := place.Node, path.Join(at, name)
		switch {
		case child.IsDir():
			fmt.Fprintf(to, "755 %s/\n", p)
			listTree(t, to, child, p, bodies)
		case child.IsFile():
			body := ""
			if m, ok := child.Content.(*fstree.Member); ok {
				body = bodies[fmt.Sprint(m.Archive.ID, " ", m.Index)]
			}
			fmt.Fprintf(to, "644 %s %q\n", p, body)
		default:
			fmt.Fprintf(to, "%s -> %s\n", p, child.Link)
		}
	}
}

// anyLayer returns a layer of entries of all kinds with few names, in any order. No name is both a
// folder and something else in one layer. Hard links lead to files, which contains the files of all
// layers.
func anyLayer(r *rand.Rand, number int, files *[]string) []imagetest.Entry {
	names := []string{"a", "b", "c"}
	kinds := map[string]bool{} // whether names are folders
	anyPath := func() string {
		p := ""
		for range 1 + r.IntN(3) {
			p = path.Join(p, names[r.IntN(len(names))])
		}
		return p
	}
	fits := func(p string, folder bool) bool {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if is, known := kinds[dir]; known && !is {
				return false
			}
		}
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			kinds[dir] = true
		}
		kinds[p] = folder
		return true
	}
	var entries []imagetest.Entry
	for i := range 1 + r.IntN(8) {
		p, kind := anyPath(), r.IntN(10)
		is, known := kinds[p]
		// Few names are below links and files.
		if known && is != (kind < 2) || !fits(p, kind < 2) && (kind == 2 || r.IntN(10) > 0) {
			continue
		}
		e := imagetest.Entry{Header: tar.Header{Name: p, Typeflag: tar.TypeReg, Mode: 0o644}}
		switch kind {
		case 0, 1:
			e.Typeflag, e.Mode = tar.TypeDir, 0o755
			e.Name += "/"
		case 2:
			e.Typeflag, e.Linkname = tar.TypeSymlink, anyPath()
		case 3:
			e.Name = path.Join(path.Dir(p), ".wh."+path.Base(p))
		case 4:
			e.Name = path.Join(path.Dir(p), ".wh..wh..opq")
		case 5:
			e.Name = ".wh..wh.plnk/" + names[r.IntN(2)]
			e.Body = fmt.Sprintf("linked %d %d", number, i)
			entries = append(entries, e)
			e = imagetest.Entry{Header: tar.Header{Name: p, Typeflag: tar.TypeLink, Mode: 0o644, Linkname: e.Name}}
		case 6:
			if len(*files) == 0 {
				continue
			}
			e.Typeflag, e.Linkname = tar.TypeLink, (*files)[r.IntN(len(*files))]
		default:
			e.Body = fmt.Sprintf("%d %d", number, i)
			*files = append(*files, p)
		}
		entries = append(entries, e)
	}
	return entries
}
