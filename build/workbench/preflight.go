package workbench

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/workbench/disks"
	"github.com/slipway-build/slipway/images"
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
	Disks disks.Needs `json:"disks"`
}

// A PlannedArchive is an archive to estimate.
type PlannedArchive struct {
	Content []pack.Image
	Layers  images.ArchiveLayers
	// Unmade are the sizes of images that do not exist yet, by name.
	Unmade  map[string]int64
	Outputs []PlannedOutput
}

// A PlannedOutput is one file of an archive. Size is that of the same file of an earlier release, or 0 if it is unknown.
type PlannedOutput struct {
	Path string
	Size int64
}

// The estimate assumes that the source compresses layers with gzip. With zstd, they have about three quarters of that
// size, and less than 0.4 of it only if they were not compressed at all. Uncompressed layers are about three times as
// large. A file is rarely less than 0.9 times as large as that of the release before.
const (
	zstdNeed   = 0.75
	zstdLeast  = 0.4
	plainNeed  = 3
	knownLeast = 0.9
)

// NewPreflight estimates the cost of packing archives. Outputs that are up to date must not be among them.
func NewPreflight(ctx context.Context, cache *store.Store, archives []PlannedArchive) (*Preflight, error) {
	e := estimate{cache: cache, seen: map[string]bool{}}
	if err := e.Disks.Charge(cache.Dir(), 0, 0); err != nil {
		return nil, err
	}
	for _, archive := range archives {
		if len(archive.Outputs) == 0 {
			continue
		}
		if err := e.archive(ctx, archive); err != nil {
			return nil, err
		}
	}
	if err := e.Disks.Charge(cache.Dir(), e.Fetch, e.Fetch); err != nil {
		return nil, err
	}
	return &e.Preflight, nil
}

// An estimate is a Preflight in the making.
type estimate struct {
	Preflight
	cache *store.Store
	seen  map[string]bool // layers and configs by digest, and images that do not exist yet by name
}

// archive adds the cost of an archive with some content in each of its outputs.
func (e *estimate) archive(ctx context.Context, a PlannedArchive) error {
	size, fresh, err := e.content(ctx, a)
	if err != nil {
		return err
	}
	frames := zstdNeed // of the size of layers
	for _, output := range a.Outputs {
		need, least := size, size
		switch zstd := strings.HasSuffix(output.Path, "zst"); {
		case output.Size > 0:
			need, least = float64(output.Size), knownLeast*float64(output.Size)
			if zstd && size > 0 {
				frames = need / size
			}
		case zstd:
			need, least = zstdNeed*size, zstdLeast*size
		case strings.HasSuffix(output.Path, ".tar"):
			need = plainNeed * size
		}
		if err := e.Disks.Charge(filepath.Dir(output.Path), int64(need), int64(least)); err != nil {
			return err
		}
	}
	// The frames of a .tar.zst are also written to the cache.
	return e.Disks.Charge(e.cache.Dir(), int64(frames*fresh), 0)
}

// content returns the size of all layers of an archive, and of those that no earlier archive has.
func (e *estimate) content(ctx context.Context, a PlannedArchive) (size, fresh float64, err error) {
	inArchive := map[v1.Hash]bool{}
	for _, image := range a.Content {
		m, err := image.Image.Manifest()
		if err != nil {
			return 0, 0, err
		}
		if e.first(m.Config.Digest.String()) {
			e.Images++
		}
		for _, l := range m.Layers {
			if !inArchive[l.Digest] {
				inArchive[l.Digest] = true
				size += float64(l.Size)
			}
			if e.first(l.Digest.String()) {
				e.Layers++
				fresh += float64(l.Size)
				if e.fetches(ctx, a, l.Digest) {
					e.Fetch += l.Size
				}
			}
		}
	}
	for name, n := range a.Unmade {
		size += float64(n)
		if e.first(name) {
			fresh += float64(n)
		}
	}
	return size, fresh, nil
}

// fetches reports whether packing fetches a layer. Frames for a .tar.zst are assumed to be there if the layer once was.
func (e *estimate) fetches(ctx context.Context, a PlannedArchive, layer v1.Hash) bool {
	_, known := e.cache.Known(ctx, layer)
	framed := known && a.Layers != images.OriginalLayers &&
		!slices.ContainsFunc(a.Outputs, func(o PlannedOutput) bool { return !strings.HasSuffix(o.Path, "zst") })
	_, missing := os.Stat(e.cache.Path(layer))
	return missing != nil && !framed
}

// first reports whether this is the first call for name.
func (e *estimate) first(name string) bool {
	if e.seen[name] {
		return false
	}
	e.seen[name] = true
	return true
}

// Enough returns an error if a disk has less free space than the lower bound of its need.
func (p *Preflight) Enough() error {
	for _, d := range p.Disks {
		if d.Full() {
			return fmt.Errorf("not enough disk space for %s", d)
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
