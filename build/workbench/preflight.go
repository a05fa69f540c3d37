package workbench

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// A Preflight is what packing would cost, estimated before it begins. Sizes are
// bytes.
type Preflight struct {
	// Images and Layers count each content once, Fetch is what of it is not in
	// the content cache yet.
	Images int   `json:"images"`
	Layers int   `json:"layers"`
	Fetch  int64 `json:"fetch"`
	// Disks are the file systems that are written to.
	Disks []DiskNeed `json:"disks"`
}

// A DiskNeed is what is needed of a file system, and what it has free.
type DiskNeed struct {
	Paths []string `json:"paths"`
	Need  int64    `json:"need"`
	// least is what will be needed at the very least; Need is an estimate.
	least int64
	Free  int64 `json:"free"`
}

// Compressed by zstd, other people's layers take about three quarters of what gzip
// makes of them, and less than half only if they were not compressed at all.
const zstdNeed, zstdLeast = 0.75, 0.4

// plain layers are about three times what gzip makes of them.
const plainNeed = 3

// preflight estimates what packing contents[i] into outputs[i] costs. Outputs that
// are there already are not among them.
func NewPreflight(cache *store.Store, contents [][]airgap.Image, outputs [][]string) (*Preflight, error) {
	var (
		p     = &Preflight{}
		byID  = map[string]*DiskNeed{}
		order []*DiskNeed
		seen  = map[v1.Hash]bool{}
	)
	charge := func(path string, need, least float64) error {
		id, free, err := fileSystem(path)
		if err != nil {
			return fmt.Errorf("looking at the disk of %s: %w", path, err)
		}
		d := byID[id]
		if d == nil {
			d = &DiskNeed{Free: free}
			byID[id], order = d, append(order, d)
		}
		if !slices.Contains(d.Paths, path) {
			d.Paths = append(d.Paths, path)
		}
		d.Need += int64(need)
		d.least += int64(least)
		return nil
	}
	for i, content := range contents {
		if len(outputs[i]) == 0 {
			continue
		}
		var size, fresh float64
		inArchive := map[v1.Hash]bool{}
		for _, image := range content {
			m, err := image.Image.Manifest()
			if err != nil {
				return nil, err
			}
			if !seen[m.Config.Digest] {
				seen[m.Config.Digest] = true
				p.Images++
			}
			for _, l := range m.Layers {
				if !inArchive[l.Digest] {
					inArchive[l.Digest] = true
					size += float64(l.Size)
				}
				if seen[l.Digest] {
					continue
				}
				seen[l.Digest] = true
				p.Layers++
				if !cache.Has(l.Digest) {
					p.Fetch += l.Size
				}
				fresh += float64(l.Size)
			}
		}
		// The frames that .tar.zst is made of are kept.
		if err := charge(cache.Dir(), zstdNeed*fresh, 0); err != nil {
			return nil, err
		}
		for _, output := range outputs[i] {
			need, least := size, size
			switch {
			case strings.HasSuffix(output, "zst"):
				need, least = zstdNeed*size, zstdLeast*size
			case strings.HasSuffix(output, ".tar"):
				need = plainNeed * size
			}
			if err := charge(filepath.Dir(output), need, least); err != nil {
				return nil, err
			}
		}
	}
	if err := charge(cache.Dir(), float64(p.Fetch), float64(p.Fetch)); err != nil {
		return nil, err
	}
	for _, d := range order {
		p.Disks = append(p.Disks, *d)
	}
	return p, nil
}

// enough is an error if a disk has less free than is needed at the very least.
func (p *Preflight) Enough() error {
	for _, d := range p.Disks {
		if d.least > d.Free {
			return fmt.Errorf("there is too little room for %s: about %s are needed, at least %s, and %s are free; free some, or write elsewhere (--out, -o, --cache-dir)",
				strings.Join(d.Paths, " and "), progress.FormatBytes(d.Need), progress.FormatBytes(d.least), progress.FormatBytes(d.Free))
		}
	}
	return nil
}

// Write prints the preflight for a person.
func (p *Preflight) Write(w io.Writer) error {
	head := fmt.Sprintf("%d images, %d layers; %s to fetch", p.Images, p.Layers, progress.FormatBytes(p.Fetch))
	t := progress.NewTable("DISK OF", "NEEDED, ABOUT", "FREE")
	for _, d := range p.Disks {
		t.Add(strings.Join(d.Paths, " "), progress.FormatBytes(d.Need), progress.FormatBytes(d.Free))
	}
	return progress.WriteTables(w, []string{head}, t)
}

// existing is path, or the nearest folder above it that exists.
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
