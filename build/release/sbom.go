package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/workbench/sboms"
	"github.com/slipway-build/slipway/images/attest/sbom"
	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
	"github.com/slipway-build/slipway/images/attest/sbom/document"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// sbomVersion changes when the same subject results in other bytes, beside catalog.Version.
const sbomVersion = 1

// writeSBOMs writes the SBOMs of what this run has made.
func (r *Release) writeSBOMs(ctx context.Context) error {
	found := r.bench.Catalog()
	return parallel.Each(ctx, len(r.Plan.SBOMs), r.options.Jobs, func(i int) error {
		step := r.Plan.SBOMs[i]
		err := r.writeSBOM(ctx, found, step)
		if err != nil {
			err = fmt.Errorf("SBOM of %s: %w", step.Subject, err)
		}
		return err
	})
}

func (r *Release) writeSBOM(ctx context.Context, found *sbom.Catalog, step plan.SBOMStep) error {
	subjects := r.madeOf(step)
	if len(subjects) == 0 {
		return nil // of an earlier run, which has written its SBOM
	}
	options := document.Options{Version: r.programVersion(), Time: r.Plan.Release.Epoch}
	key, err := hashOf(struct {
		Version  int
		Catalog  string
		Options  document.Options
		Step     plan.SBOMStep
		Subjects []string
	}{sbomVersion, catalog.Version, options, step, subjects})
	if err != nil {
		return err
	}
	if !r.holds(ctx, step.Output, key) {
		in, err := r.inventory(ctx, found, step)
		if err != nil {
			return err
		}
		for _, problem := range in.Problems {
			progress.Warn(ctx, fmt.Sprintf("SBOM of %s: %s", step.Subject, problem))
		}
		if err := os.MkdirAll(r.path("dist/artifacts"), 0o755); err != nil {
			return err
		}
		if err := sboms.WriteFile(r.path(step.Output), document.Format(step.Format), in, options); err != nil {
			return err
		}
	}
	return r.made(ctx, Made{Kind: "sbom", Name: path.Base(step.Subject), Platform: step.Platform, Subject: step.Subject, Path: step.Output}, key)
}

// madeOf returns the digests of the subject of an SBOM, several for an archive in parts. It returns none if this run has
// not made it.
func (r *Release) madeOf(step plan.SBOMStep) (digests []string) {
	places := []string{step.Subject}
	if step.Kind != "image" {
		places = r.folder.Files(step.Subject)
	}
	for _, place := range places {
		made, ok := r.report.find(place)
		if !ok {
			return nil
		}
		digests = append(digests, made.Digest)
	}
	return digests
}

func (r *Release) inventory(ctx context.Context, found *sbom.Catalog, step plan.SBOMStep) (*sbom.Inventory, error) {
	switch step.Kind {
	case "image":
		of, _ := r.Plan.Image(step.Subject)
		image, err := r.image(ctx, of)
		if err != nil {
			return nil, err
		}
		return found.Image(ctx, step.Subject, image)
	case "archive":
		return sboms.Archive(ctx, found, r.path(step.Subject))
	}
	return found.File(ctx, r.path(step.Subject))
}

// verifySBOMs checks that each SBOM is about the file that is beside it, or the image in dist/oci.
func (r *Release) verifySBOMs(ctx context.Context, reported map[string]string) error {
	return parallel.Each(ctx, len(r.Plan.SBOMs), r.options.Jobs, func(i int) error {
		step := r.Plan.SBOMs[i]
		raw, err := regular.ReadFile(r.path(step.Output))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // verifyNames reports it
		}
		if err != nil {
			return err
		}
		have, err := document.SubjectDigest(document.Format(step.Format), raw)
		if err != nil {
			return fmt.Errorf("%s: %w: run package", step.Output, err)
		}
		want := reported[step.Subject]
		if want != "" && want != "sha256:"+have {
			return fmt.Errorf("%s is of sha256:%s, but %s has %s: run package", step.Output, have, step.Subject, want)
		}
		return nil
	})
}
