package release

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/images/attest/vex"
	"github.com/slipway-build/slipway/internal/regular"
)

// releaseVEX copies the VEX documents to dist/artifacts, before the statements that contain them are made. A hook may have
// made a document after config.Load has checked the others.
func (r *Release) releaseVEX(ctx context.Context) error {
	var errs []error
	for _, s := range r.Plan.VEX {
		raw, err := regular.ReadFile(r.path(s.Source))
		if err != nil {
			errs = append(errs, fmt.Errorf("reading a VEX document: %w", err))
			continue
		}
		problems := vex.Check(raw)
		for _, p := range problems {
			errs = append(errs, fmt.Errorf("%s:%d: VEX: %s", s.Source, p.Line, p.Text))
		}
		if len(problems) > 0 {
			continue
		}
		if err = output.WriteFile(r.path(s.Output), raw); err == nil {
			err = r.made(ctx, Made{Kind: "vex", Name: path.Base(s.Output), Path: s.Output}, "")
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
