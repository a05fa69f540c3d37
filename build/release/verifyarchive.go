package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/internal/parallel"
)

// verifyArchive reads the archives of a step, and checks that they contain its images.
func (r *Release) verifyArchive(ctx context.Context, step plan.ArchiveStep) error {
	var list []images.ListEntry
	for n, image := range step.Images {
		for _, text := range image.Names {
			ref, err := images.ParseReference(text)
			if err != nil {
				return err
			}
			list = append(list, images.ListEntry{Ref: ref, File: cmp.Or(step.Text, "list "+step.List), Line: n + 1})
		}
	}
	policy, err := r.archivePolicy()
	if err != nil {
		return err
	}
	return parallel.Each(ctx, len(step.Outputs), 1, func(i int) error {
		file := r.path(step.Outputs[i])
		if len(r.folder.Files(step.Outputs[i])) == 0 {
			return nil // verifyNames reports the missing file
		}
		report, err := verify.Archive(ctx, file, verify.Options{List: list, Platform: &step.Platform.Platform, Policy: policy})
		if err != nil {
			return err
		}
		var errs []error
		if report.Proof != nil && (report.Proof.Release == nil || *report.Proof.Release != *r.origin()) {
			errs = append(errs, fmt.Errorf("%s: its proof is of another release: run package", step.Outputs[i]))
		}
		for _, problem := range report.Problems {
			errs = append(errs, fmt.Errorf("%s: %s", step.Outputs[i], problem))
		}
		return errors.Join(errs...)
	})
}
