package release

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/progress"
)

// mergeOne copies a file or an image of a job, and checks its digest.
func (r *Release) mergeOne(ctx context.Context, c mergeCopy, layout *store.Store) (err error) {
	task := progress.Start(ctx, "merge "+c.made.Where())
	defer func() { task.Done(err) }()
	if c.made.Kind == "image" {
		return r.mergeImage(ctx, c, layout)
	}
	mode := fs.FileMode(0o644)
	for _, s := range r.full.Binaries {
		if c.made.Path == s.Output || c.made.Path == s.Artifact {
			mode = 0o755
		}
	}
	// A report may come from anywhere. planMerge has compared the path with the plan.
	if err := output.CopyVerified(c.from.folder.Path(c.made.Path), r.path(c.made.Path), mode, c.made.Digest); err != nil {
		return fmt.Errorf("merging %s of %s: %w", c.made.Path, c.from.dir, err)
	}
	r.report.add(c.made)
	return nil
}

func (r *Release) mergeImage(ctx context.Context, c mergeCopy, layout *store.Store) error {
	if layout == nil {
		return fmt.Errorf("%s is missing, but %s has images", c.from.folder.Path("dist/oci"), c.from.folder.Path(output.ReportFile))
	}
	d, err := layout.Lookup(c.made.Ref)
	if err == nil && d.Digest.String() != c.made.Digest {
		err = fmt.Errorf("dist/oci has digest %s, and artifacts.json has %s", d.Digest, c.made.Digest)
	}
	if err != nil {
		return fmt.Errorf("merging %s of %s: %w", c.made.Ref, c.from.dir, err)
	}
	image, err := layout.Image(d.Digest)
	if err != nil {
		return fmt.Errorf("merging %s of %s: %w", c.made.Ref, c.from.dir, err)
	}
	step, ok := r.full.Image(c.made.Ref)
	if !ok {
		return fmt.Errorf("merging %s of %s: the plan does not have the image", c.made.Ref, c.from.dir)
	}
	if _, err := r.keepImage(ctx, step, image, c.made.Bases); err != nil {
		return fmt.Errorf("merging %s of %s: %w", c.made.Ref, c.from.dir, err)
	}
	return nil
}
