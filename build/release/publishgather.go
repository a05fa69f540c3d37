package release

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/publish"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
)

// gatherFiles collects the files of the plan in dist/artifacts, and makes OCI artifacts of them for the destinations
// that require one.
func (p *publication) gatherFiles(ctx context.Context) error {
	packaged, err := p.packaged()
	if err == nil {
		err = p.checkFiles(ctx, packaged)
	}
	if err != nil {
		return err
	}
	for _, file := range packaged {
		p.files = append(p.files, p.path(file))
	}
	var errs []error
	for _, d := range p.artifactDestinations() {
		if d.OCI == "" {
			continue
		}
		o, err := p.ociArtifact(ctx, d, p.files)
		if err != nil {
			errs = append(errs, fmt.Errorf("publishing artifacts to %s: %w", d, err))
			continue
		}
		p.pushes[4] = append(p.pushes[4], o)
	}
	return errors.Join(errs...)
}

// ociArtifact makes one OCI artifact of files, to push to a destination.
func (p *publication) ociArtifact(ctx context.Context, to config.Destination, files []string) (push, error) {
	ref, err := images.ParseReference(to.OCI)
	if err != nil {
		return push{}, usage.Wrap(err)
	}
	annotations := map[string]string{
		"org.opencontainers.image.created": p.Plan.Release.Epoch.UTC().Format("2006-01-02T15:04:05Z"),
		"org.opencontainers.image.version": p.Plan.Release.Version,
	}
	if p.Plan.Release.Commit != "" {
		annotations["org.opencontainers.image.revision"] = p.Plan.Release.Commit
	}
	described := make([]publish.OCIFile, len(files))
	for i, file := range files {
		digest, size, err := p.sourceDigest(ctx, file)
		if err != nil {
			return push{}, err
		}
		described[i] = publish.OCIFile{Path: file, Digest: digest, Size: size}
	}
	artifact, err := publish.OCIArtifact(described, annotations)
	if err != nil {
		return push{}, err
	}
	digest, err := artifact.Digest()
	return push{to: to, ref: ref, artifact: artifact, digest: digest, made: Made{Kind: "release", Name: p.Plan.Project}}, err
}

// checkPackaged returns an error if archives in dist/artifacts contain other images than those to publish under the
// same names.
func (p *publication) checkPackaged(ctx context.Context) error {
	return parallel.Each(ctx, len(p.Plan.Archives), p.options.Jobs, func(i int) error {
		step := p.Plan.Archives[i]
		var errs []error
		for _, output := range step.Outputs {
			if len(p.folder.Files(output)) > 0 {
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
		// Archives of other releases contain other names.
		n := slices.IndexFunc(packed, func(i *airgap.PackedImage) bool { return slices.Contains(i.Names, images.Qualified(ref)) })
		if n < 0 {
			continue
		}
		image, _, err := p.image(step.Ref)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		// The archive may have uncompressed layers, so that manifests differ. Configs do not.
		id, err := image.ConfigName()
		if err != nil {
			return err
		}
		if id != packed[n].ID {
			errs = append(errs, fmt.Errorf("image %s now has config %s, but %s contains %s: run package again before publish",
				step.Ref, id, p.relative(output), packed[n].ID))
		}
	}
	return errors.Join(errs...)
}
