package workbench

import (
	"context"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/cost"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/push"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/usage"
)

// Size returns what the updates from old archives to new ones cost. Both are an archive, or a folder of archives, such as
// the dist of a release. A single archive is compared with a single one, and archives of folders with those of the same
// name; an archive without a counterpart is carried whole.
func (w *Workbench) Size(ctx context.Context, old, new string) ([]*cost.Update, error) {
	before, err := ArchivesIn(old)
	if err != nil {
		return nil, err
	}
	after, err := ArchivesIn(new)
	if err != nil {
		return nil, err
	}
	byName := map[string]string{}
	for _, file := range before {
		byName[format.Base(file)] = file
	}
	var all []*cost.Update
	for _, file := range after {
		from := byName[format.Base(file)]
		if len(before) == 1 && len(after) == 1 {
			from = before[0]
		}
		u, err := w.SizeOf(ctx, from, file)
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	w.Tidy(ctx)
	return all, nil
}

// ArchivesIn returns the archives at a path, at least one.
func ArchivesIn(path string) ([]string, error) {
	files, err := airgap.ListArchives([]string{path})
	if err == nil && len(files) == 0 {
		err = usage.Errorf("no archive found in %s: it has no file called *.tar, *.tar.zst, *.tar.gz or *.tar.bz2", redact.Text(path))
	}
	return files, err
}

// SizeOf returns what the update from one archive to another costs. They are paths or URLs; old may be empty.
func (w *Workbench) SizeOf(ctx context.Context, old, new string) (*cost.Update, error) {
	if old == "" {
		return w.SizeFor(ctx, cost.Old{}, new)
	}
	from, err := cost.OldArchives(ctx, old)
	if err != nil {
		return nil, err
	}
	return w.SizeFor(ctx, from, new)
}

// SizeFor is SizeOf for any OLD.
func (w *Workbench) SizeFor(ctx context.Context, old cost.Old, new string) (*cost.Update, error) {
	made := push.New(w.Cache, images.Compression{})
	read := map[*airgap.Archive]bool{}
	return cost.Of(ctx, old, new, func(ctx context.Context, img *airgap.PackedImage) (v1.Image, error) {
		if a := img.Archive(); !read[a] {
			read[a] = true
			if err := made.ReadProof(ctx, a); err != nil {
				return nil, a.Wrap(err)
			}
		}
		image, err := made.Image(ctx, img, strings.Join(img.Names[:min(len(img.Names), 1)], ""))
		if err != nil {
			return nil, fmt.Errorf("compressing image %s: %w", img, err)
		}
		return image, nil
	})
}
