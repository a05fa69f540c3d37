package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/workbench/sboms"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/attest/sbom"
	"github.com/slipway-build/slipway/images/attest/sbom/catalog"
	"github.com/slipway-build/slipway/images/attest/sbom/document"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// sbomVersion changes when the same subject results in other bytes, beside catalog.Version.
const sbomVersion = 1

// writeSBOMs writes the chosen SBOMs of what this run has made. Those of one subject share its inventory.
func (r *Release) writeSBOMs(ctx context.Context, chosen func(plan.SBOMStep) bool) error {
	subjects := map[string][]plan.SBOMStep{}
	for _, step := range r.Plan.SBOMs {
		if chosen(step) {
			subjects[step.Subject] = append(subjects[step.Subject], step)
		}
	}
	sorted := slices.Sorted(maps.Keys(subjects))
	return parallel.Each(ctx, len(sorted), r.options.Jobs, func(i int) error {
		err := r.writeSBOMsOf(ctx, subjects[sorted[i]])
		if err != nil {
			err = fmt.Errorf("SBOM of %s: %w", sorted[i], err)
		}
		return err
	})
}

// isSBOMOfImage reports whether an SBOM is of an image.
func isSBOMOfImage(step plan.SBOMStep) bool { return step.Kind == "image" }

// writeSBOMsOf writes the SBOMs of one subject, one for each format.
func (r *Release) writeSBOMsOf(ctx context.Context, steps []plan.SBOMStep) error {
	subjects := r.madeOf(steps[0])
	if len(subjects) == 0 {
		return nil // of an earlier run, which has written its SBOMs
	}
	options := r.sbomOptions()
	var in *sbom.Inventory
	for _, step := range steps {
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
			if in == nil {
				if in, err = r.inventory(ctx, step); err != nil {
					return err
				}
			}
			if err := r.writeSBOM(step, in, options); err != nil {
				return err
			}
		}
		err = r.made(ctx, Made{Kind: "sbom", Name: path.Base(step.Subject), Platform: step.Platform, Subject: step.Subject, Path: step.Output}, key)
		if err != nil {
			return err
		}
	}
	return nil
}

// sbomOptions are those of the SBOMs of the release.
func (r *Release) sbomOptions() document.Options {
	return document.Options{Version: r.programVersion(), Time: r.Plan.Release.Epoch}
}

func (r *Release) writeSBOM(step plan.SBOMStep, in *sbom.Inventory, options document.Options) error {
	if err := os.MkdirAll(r.path("dist/artifacts"), 0o755); err != nil {
		return err
	}
	return sboms.WriteFile(r.path(step.Output), document.Format(step.Format), in, options)
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

// inventory returns the inventory of a subject, and warns of what is missing in it.
func (r *Release) inventory(ctx context.Context, step plan.SBOMStep) (in *sbom.Inventory, err error) {
	digest := ""
	if whole, ok := r.report.digest(step.Subject); ok { // not for an archive in parts
		digest = whole.Hex
	}
	switch step.Kind {
	case "image":
		of, _ := r.Plan.Image(step.Subject)
		var image v1.Image
		if image, err = r.image(ctx, of); err != nil {
			return nil, err
		}
		in, err = r.catalog.Image(ctx, step.Subject, image)
	case "archive":
		in, err = sboms.Archive(ctx, r.catalog, r.path(step.Subject), digest)
	default:
		in, err = r.catalog.File(ctx, r.path(step.Subject), sbom.Known{Digest: digest, Contents: r.contents.of(step.Subject)})
	}
	if err != nil {
		return nil, err
	}
	for _, problem := range in.Problems {
		progress.Warn(ctx, fmt.Sprintf("SBOM of %s: %s", step.Subject, problem))
	}
	return in, nil
}

// wholeDigest returns the digest of an archive in parts. It returns "" for any other file.
func (r *Release) wholeDigest(ctx context.Context, planned string) (string, error) {
	whole := r.path(planned)
	if _, split := format.WholeOf(whole); !split {
		return "", nil
	}
	f, err := format.OpenFile(whole)
	if err != nil {
		return "", nil // verifyArchive reports it
	}
	defer f.Close()
	digest, err := r.sums.Do(ctx, whole, func() (v1.Hash, error) {
		sum, _, err := v1.SHA256(io.NewSectionReader(f, 0, f.Size()))
		return sum, err
	})
	return digest.String(), err
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
		if want == "" && step.Kind == "archive" {
			if want, err = r.wholeDigest(ctx, step.Subject); err != nil {
				return err
			}
		}
		if want != "" && want != "sha256:"+have {
			return fmt.Errorf("%s is of sha256:%s, but %s has %s: run package", step.Output, have, step.Subject, want)
		}
		return nil
	})
}
