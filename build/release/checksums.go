package release

import (
	"cmp"
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
)

// writeChecksums writes the checksums of all artifacts that exist, including those of earlier runs, after all other
// artifacts.
func (r *Release) writeChecksums(ctx context.Context) error {
	var errs []error
	for _, step := range r.Plan.Checksums {
		lines, err := r.checksums(ctx, step)
		if err == nil {
			err = output.WriteFile(r.path(step.Output), []byte(lines))
		}
		if err == nil {
			err = r.made(ctx, Made{Kind: "checksums", Name: cmp.Or(step.Arch, r.Plan.Project), Path: step.Output}, "")
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// checksums returns the content of a checksum file in the format of sha256sum: names without folders, sorted.
func (r *Release) checksums(ctx context.Context, step plan.SumStep) (string, error) {
	var lines []string
	for _, f := range r.full.Artifacts() {
		if !step.Has(f.Platform) {
			continue
		}
		for _, file := range r.folder.Files(f.Path) { // empty if another run makes it
			digest, ok := r.report.digest(file)
			if !ok {
				var err error
				if digest, _, err = r.fileDigest(ctx, file); err != nil {
					return "", err
				}
			}
			lines = append(lines, digest.Hex+"  "+path.Base(file)+"\n")
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	return strings.Join(slices.Compact(lines), ""), nil
}
