package release

import (
	"context"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/internal/parallel"
)

// buildStage builds images that do not depend on one another, after the binaries and artifacts that they need.
func (r *Release) buildStage(ctx context.Context, steps []plan.ImageStep) error {
	if _, err := r.compile(ctx, r.readByImages(steps)); err != nil {
		return err
	}
	if err := r.packageNeeded(ctx, steps); err != nil {
		return err
	}
	if err := r.runHooks(ctx, hooksOf(steps, func(s plan.ImageStep) []plan.HookStep { return s.Before })); err != nil {
		return err
	}
	return parallel.Each(ctx, len(steps), r.options.Jobs, func(i int) error {
		_, err := r.image(ctx, steps[i])
		return err
	})
}

// packageNeeded writes the archives and bundles that images need.
func (r *Release) packageNeeded(ctx context.Context, steps []plan.ImageStep) error {
	var (
		pulled parallel.Memo[pack.Image]
		done   = map[string]bool{}
	)
	first := func(outputs []string) bool {
		was := done[outputs[0]]
		done[outputs[0]] = true
		return !was
	}
	for _, step := range steps {
		for _, needed := range r.Plan.ArchivesFor(step) {
			if !first(needed.Outputs) {
				continue
			}
			content, err := r.archiveImages(ctx, needed, &pulled)
			if err != nil {
				return err
			}
			if err := r.proveImagesOf(ctx, needed); err != nil {
				return err
			}
			if err := r.enclose(needed, content); err != nil {
				return err
			}
			if err := r.archive(ctx, needed, content); err != nil {
				return err
			}
		}
		for _, needed := range r.Plan.BundlesFor(step) {
			if !first(needed.Outputs) {
				continue
			}
			if err := r.buildBinaries(ctx); err != nil {
				return err
			}
			if err := r.bundle(ctx, needed); err != nil {
				return err
			}
		}
	}
	return nil
}
