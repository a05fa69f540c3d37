package olds

import (
	"context"
	"strings"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/cost"
	"github.com/slipway-build/slipway/internal/redact"
)

// Size returns what the updates from the olds to archives cost: to one, or to each of those in a folder. Their deltas are
// those for ToDiff.
func (f *Finder) Size(ctx context.Context, w *workbench.Workbench, path string, layers bool) ([]*cost.Update, error) {
	files, err := workbench.ArchivesIn(path)
	if err != nil {
		return nil, err
	}
	var all []*cost.Update
	for _, file := range files {
		old, err := f.toSize(ctx, file, layers)
		if err != nil {
			return nil, err
		}
		u, err := w.SizeFor(ctx, old, file)
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	w.Tidy(ctx)
	return all, nil
}

// toSize returns the olds for a delta that makes the archive at path, with their images.
func (f *Finder) toSize(ctx context.Context, path string, layers bool) (cost.Old, error) {
	deltas := f.ToDiff(path, layers)
	if deltas.Layers == nil {
		return cost.OldArchives(ctx, deltas.Files...)
	}
	old := cost.Old{Name: redact.Text(strings.Join(f.Named, ", ")), Deltas: deltas}
	r := newReader(nil, nil)
	r.list = func(img cost.OldImage) { old.Images = append(old.Images, img) }
	if err := r.like(ctx, path); err != nil {
		return cost.Old{}, err
	}
	return old, f.read(ctx, r)
}

// familiar returns the short form of the name of an image.
func familiar(name string) string {
	ref, err := images.ParseReference(name)
	if err != nil {
		return name
	}
	return images.Familiar(ref)
}
