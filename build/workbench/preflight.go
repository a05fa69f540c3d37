package workbench

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// A Preflight is an estimate of the cost of packing. Sizes are in bytes.
type Preflight struct {
	// Images and Layers count each image and layer once. Fetch is the size of the layers that are not in the cache.
	Images int   `json:"images"`
	Layers int   `json:"layers"`
	Fetch  int64 `json:"fetch"`
	// Disks are the file systems to which packing writes.
	Disks []DiskNeed `json:"disks"`
}

// A DiskNeed has the needed and the free space of a file system.
type DiskNeed struct {
	Paths []string `json:"paths"`
	Need  int64    `json:"need"`
	// least is the lower bound of Need.
	least int64
	Free  int64 `json:"free"`
}

// The estimate assumes that the source compresses layers with gzip. With zstd, they have about three quarters of that
// size, and less than 0.4 of it only if they were not compressed at all. Uncompressed layers are about three times as
// large.
const (
	zstdNeed  = 0.75
	zstdLeast = 0.4
	plainNeed = 3
)

// NewPreflight estimates the cost of packing contents[i] into the archives outputs[i]. Outputs that are up to date must
// not be among them.
func NewPreflight(cache *store.Store, contents [][]pack.Image, outputs [][]string) (*Preflight, error) {
	e := estimate{cache: cache, disks: map[string]*DiskNeed{}, seen: map[v1.Hash]bool{}}
	for i, content := range contents {
		if len(outputs[i]) == 0 {
			continue
		}
		if err := e.archive(content, outputs[i]); err != nil {
			return nil, err
		}
	}
	if err := e.charge(cache.Dir(), float64(e.Fetch), float64(e.Fetch)); err != nil {
		return nil, err
	}
	for _, d := range e.order {
		e.Disks = append(e.Disks, *d)
	}
	return &e.Preflight, nil
}

// An estimate is a Preflight in the making.
type estimate struct {
	Preflight
	cache *store.Store
	disks map[string]*DiskNeed // by the ID of their file system
	order []*DiskNeed
	seen  map[v1.Hash]bool // layers and configs
}

// archive adds the cost of an archive with some content in each of its outputs.
func (e *estimate) archive(content []pack.Image, outputs []string) error {
	var size, fresh float64 // of all layers, and of those that no earlier archive has
	inArchive := map[v1.Hash]bool{}
	for _, image := range content {
		m, err := image.Image.Manifest()
		if err != nil {
			return err
		}
		if e.first(m.Config.Digest) {
			e.Images++
		}
		for _, l := range m.Layers {
			if !inArchive[l.Digest] {
				inArchive[l.Digest] = true
				size += float64(l.Size)
			}
			if e.first(l.Digest) {
				e.Layers++
				fresh += float64(l.Size)
				if !e.cache.Has(l.Digest) {
					e.Fetch += l.Size
				}
			}
		}
	}
	// The frames of a .tar.zst are also written to the cache.
	if err := e.charge(e.cache.Dir(), zstdNeed*fresh, 0); err != nil {
		return err
	}
	for _, output := range outputs {
		need, least := size, size
		switch {
		case strings.HasSuffix(output, "zst"):
			need, least = zstdNeed*size, zstdLeast*size
		case strings.HasSuffix(output, ".tar"):
			need = plainNeed * size
		}
		if err := e.charge(filepath.Dir(output), need, least); err != nil {
			return err
		}
	}
	return nil
}

// first reports whether this is the first call for h.
func (e *estimate) first(h v1.Hash) bool {
	if e.seen[h] {
		return false
	}
	e.seen[h] = true
	return true
}

// charge adds bytes that will be written to a folder.
func (e *estimate) charge(folder string, need, least float64) error {
	id, free, err := fileSystem(folder)
	if err != nil {
		return fmt.Errorf("checking the free disk space of %s: %w", folder, err)
	}
	d := e.disks[id]
	if d == nil {
		d = &DiskNeed{Free: free}
		e.disks[id], e.order = d, append(e.order, d)
	}
	if !slices.Contains(d.Paths, folder) {
		d.Paths = append(d.Paths, folder)
	}
	d.Need += int64(need)
	d.least += int64(least)
	return nil
}

// Enough returns an error if a disk has less free space than the lower bound of its need.
func (p *Preflight) Enough() error {
	for _, d := range p.Disks {
		if d.least > d.Free {
			return fmt.Errorf("not enough disk space for %s: about %s are needed, at least %s, but %s are free: free some, or write elsewhere (--out, -o, --cache-dir)",
				strings.Join(d.Paths, " and "), progress.FormatBytes(d.Need), progress.FormatBytes(d.least), progress.FormatBytes(d.Free))
		}
	}
	return nil
}

// Write prints the estimate.
func (p *Preflight) Write(w io.Writer) error {
	head := fmt.Sprintf("%d images, %d layers; %s to fetch", p.Images, p.Layers, progress.FormatBytes(p.Fetch))
	t := progress.NewTable("DISK OF", "NEEDED, ABOUT", "FREE")
	for _, d := range p.Disks {
		t.Add(strings.Join(d.Paths, " "), progress.FormatBytes(d.Need), progress.FormatBytes(d.Free))
	}
	return progress.WriteTables(w, []string{head}, t)
}

// existing returns path, or the nearest folder above it that exists.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil {
			return path
		}
		parent := filepath.Dir(path)
		if parent == path {
			return path
		}
		path = parent
	}
}
