package rebuild

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/regular"
)

// A side is a release to compare with. Its methods return fs.ErrNotExist for a subject that it does not have.
type side interface {
	// Has reports whether the side can have a subject: a registry has no files, for instance.
	Has(m release.Made) bool
	// File returns the path of a file. done removes it, if it is a copy.
	File(ctx context.Context, m release.Made) (file string, done func(), err error)
	// Image returns an image or an index.
	Image(ctx context.Context, m release.Made) (v1.Image, v1.ImageIndex, error)
	// Others returns the names of files that the side has and subjects do not.
	Others(subjects []release.Made) []string
}

// A dist is the folder dist of a release.
type dist struct {
	Report release.Report
	folder output.Folder
	layout *store.Store // nil if there are no images
}

// openDist opens the dist of a project. Its artifacts.json says what it has.
func openDist(project, at string) (*dist, error) {
	d := &dist{folder: output.Folder{Project: project, Dist: at}}
	file := d.folder.Path(output.ReportFile)
	raw, err := regular.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(raw, &d.Report)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return d, d.openLayout()
}

// hasLayout reports whether the dist has images.
func (d *dist) hasLayout() bool {
	_, err := os.Stat(d.folder.Path("dist/oci"))
	return err == nil
}

// openLayout opens the images of the dist, if it has some.
func (d *dist) openLayout() (err error) {
	if d.hasLayout() {
		d.layout, err = store.OpenLayout(d.folder.Path("dist/oci"))
	}
	return err
}

// Has is true: dist has all subjects.
func (d *dist) Has(release.Made) bool { return true }

// File returns a file of dist.
func (d *dist) File(_ context.Context, m release.Made) (string, func(), error) {
	file := d.folder.Path(m.Path)
	_, err := os.Stat(file)
	return file, func() {}, err
}

// Image returns an image or index of dist/oci.
func (d *dist) Image(_ context.Context, m release.Made) (image v1.Image, index v1.ImageIndex, err error) {
	if d.layout == nil {
		return nil, nil, fs.ErrNotExist
	}
	found, err := d.layout.Lookup(m.Ref)
	if err != nil {
		return nil, nil, err
	}
	if found.MediaType.IsIndex() {
		index, err = d.layout.Index(found.Digest)
	} else {
		image, err = d.layout.Image(found.Digest)
	}
	return image, index, err
}

// Others returns the names of files, images and indexes that only this dist has.
func (d *dist) Others(subjects []release.Made) (names []string) {
	has := map[string]bool{}
	for _, m := range subjects {
		has[m.Where()] = true
	}
	for _, m := range d.Report.Made {
		if m.Kind != "signature" && !has[m.Where()] {
			names = append(names, m.Where())
		}
	}
	return names
}

// A folder has the files of a published release.
type folder string

// Has is true for files of dist/artifacts, which are published.
func (f folder) Has(m release.Made) bool { return isPublished(m) }

func isPublished(m release.Made) bool { return strings.HasPrefix(m.Path, "dist/artifacts/") }

// File returns the file with the name of a subject.
func (f folder) File(_ context.Context, m release.Made) (string, func(), error) {
	file := filepath.Join(string(f), path.Base(m.Path))
	_, err := os.Stat(file)
	return file, func() {}, err
}

// Image fails, since Has is false for images.
func (f folder) Image(context.Context, release.Made) (v1.Image, v1.ImageIndex, error) {
	return nil, nil, fs.ErrNotExist
}

// Others returns the files that a checksum file of the folder lists, and that no subject has the name of.
func (f folder) Others(subjects []release.Made) []string {
	var listed []string
	for _, m := range subjects {
		if m.Kind == "checksums" && isPublished(m) {
			raw, err := readAlike(filepath.Join(string(f), path.Base(m.Path)))
			if err == nil { // else the comparison of the file reports it
				listed = append(listed, namesIn(raw)...)
			}
		}
	}
	return without(listed, subjects)
}

// namesIn returns the names in a file of sha256sum.
func namesIn(raw []byte) (names []string) {
	for line := range strings.Lines(string(raw)) {
		if _, name, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " "); ok {
			names = append(names, strings.TrimLeft(name, " *"))
		}
	}
	return names
}

// without returns the names that no subject has.
func without(names []string, subjects []release.Made) (out []string) {
	has := map[string]bool{}
	for _, m := range subjects {
		has[path.Base(m.Path)] = true
	}
	for _, name := range names {
		if !has[name] {
			has[name] = true
			out = append(out, name)
		}
	}
	return out
}
