package workbench

import (
	"context"
	"errors"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/slice"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/internal/usage"
)

// Slice writes archives of images that other archives have. job is that of pack; if its Layers is empty, layers have the
// form that they have in the archives.
func (w *Workbench) Slice(ctx context.Context, archives []string, job PackJob) ([]pack.Result, error) {
	var errs []error
	s := slice.Job{Archives: archives, Options: pack.Options{Layers: job.Layers, Level: job.Level, Jobs: w.options.Jobs}}
	if job.Layers != "" {
		errs = append(errs, job.Layers.Validate())
	}
	errs = append(errs, job.Level.Validate())
	for _, source := range job.Images {
		ref, err := images.ParseReference(images.TrimTransport(source.Ref))
		errs = append(errs, source.explain(err))
		s.Images = append(s.Images, slice.Wanted{Ref: ref, Where: source.Where})
	}
	if len(job.Images) == 0 {
		errs = append(errs, errors.New("missing images: add --images NAME, or a list with --list LIST.txt"))
	}
	for _, path := range job.Outputs {
		_, err := format.OutputCodec(path)
		errs = append(errs, err)
		s.Outputs = append(s.Outputs, pack.Output{Path: path, Split: job.Split})
	}
	if len(job.Outputs) == 0 {
		errs = append(errs, errors.New("missing output: add -o FILE.tar.zst"))
	}
	switch len(w.options.Platforms) {
	case 0:
	case 1:
		s.Platform = &w.options.Platforms[0]
	default:
		errs = append(errs, errors.New("an archive is for one platform: run the command once for each --platform"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, usage.Wrap(err)
	}
	if job.Proof {
		s.Options.Proof = &pack.Proof{Policy: job.Policy, Sign: proof.SignWith(job.Sign), Attached: job.Trust}
	}
	made, err := slice.Write(ctx, w.Cache, s)
	if err != nil {
		return nil, err
	}
	w.Tidy(ctx)
	return made, nil
}
