package release

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/internal/parallel"
)

// gatherFiles finds the files of the plan in dist/artifacts, and makes OCI artifacts of
// them where a destination wants one.
func (p *publication) gatherFiles(ctx context.Context) error {
	files, err := p.packaged(ctx)
	if err != nil {
		return err
	}
	p.files = files
	var errs []error
	for _, d := range p.artifactDestinations() {
		if d.OCI == "" {
			continue
		}
		o, err := p.ociArtifact(ctx, d, files)
		if err != nil {
			errs = append(errs, fmt.Errorf("publishing artifacts to %s: %w", d, err))
			continue
		}
		p.pushes[3] = append(p.pushes[3], o)
	}
	return errors.Join(errs...)
}

// packaged are the files of the plan in dist/artifacts, checksums last. One that is
// missing is an error, and so is one that is not what package reported: most names are
// the same in all releases. Without a report there is nothing to compare with.
func (p *publication) packaged(ctx context.Context) ([]string, error) {
	var (
		files    []string
		errs     []error
		reported = p.report.digests()
	)
	add := func(planned string) {
		made := p.filesOf(planned)
		if len(made) == 0 {
			errs = append(errs, fmt.Errorf("%s is not there; run package first", p.path(planned)))
		}
		for _, m := range made {
			file := p.path(m)
			if slices.Contains(files, file) {
				continue
			}
			files = append(files, file)
			if p.report.Project == "" {
				continue
			}
			digest, _, err := p.fileDigest(ctx, m)
			if err == nil && reported[m] != digest.String() {
				err = fmt.Errorf("%s is not what package made of %s %s; run package first", p.relative(m), p.Plan.Project, p.Plan.Release.Version)
			}
			errs = append(errs, err)
		}
	}
	for _, f := range p.Plan.Artifacts() {
		add(f.Path)
	}
	for _, s := range p.Plan.Checksums {
		add(s.Output)
	}
	return files, errors.Join(errs...)
}

// checkPackaged refuses to publish other images than those that the archives in
// dist/artifacts hold under the same names.
func (p *publication) checkPackaged(ctx context.Context) error {
	return parallel.Each(ctx, len(p.Plan.Archives), p.options.Jobs, func(i int) error {
		step := p.Plan.Archives[i]
		var errs []error
		for _, output := range step.Outputs {
			if len(p.filesOf(output)) > 0 {
				errs = append(errs, p.checkArchive(ctx, output, step.Images))
			}
		}
		return errors.Join(errs...)
	})
}

func (p *publication) checkArchive(ctx context.Context, output string, planned []plan.ArchiveImage) error {
	archive, err := airgap.Open(ctx, p.path(output))
	if err != nil {
		return err
	}
	defer archive.Close()
	packed, err := archive.Images(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range planned {
		step, ok := p.Plan.Image(a.Own)
		if !ok {
			continue
		}
		ref, err := images.ParseReference(a.Names[0])
		if err != nil {
			return err
		}
		// Archives of other releases have other names in them.
		n := slices.IndexFunc(packed, func(i *airgap.PackedImage) bool { return slices.Contains(i.Names, images.Qualified(ref)) })
		if n < 0 {
			continue
		}
		image, _, err := p.image(step.Ref)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		// Layers may lie in it uncompressed, so manifests differ; configs do not.
		id, err := image.ConfigName()
		if err != nil {
			return err
		}
		if id != packed[n].ID {
			errs = append(errs, fmt.Errorf("image %s has the config %s now, and %s holds %s: run package again before publish",
				step.Ref, id, p.relative(output), packed[n].ID))
		}
	}
	return errors.Join(errs...)
}

// title is the name of a file in an OCI artifact
// (image-spec/annotations.md, org.opencontainers.image.title).
func title(file string) string { return path.Base(strings.ReplaceAll(file, "\\", "/")) }
