package workbench

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/airgap/pack/sboms"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sbom/document"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// A PackJob is the input of `slipway airgap pack`: images for one platform, to write to archives.
type PackJob struct {
	// Images are the images in their order.
	Images []PackSource
	// Outputs are paths that end in .tar, .tar.zst or .tar.gz.
	Outputs []string
	// Split limits the size of one file, in bytes; 0 means no limit.
	Split  int64
	Layers images.ArchiveLayers
	Level  images.ZstdLevel
	// Proof adds a proof of their content to the archives.
	Proof bool
	// Sign signs the proof; nil is nobody. Policy says what is required of images; nil is nothing.
	Sign   sign.Signer
	Policy *policy.Policy
	// Trust are public keys and trusted roots to carry along.
	Trust []proof.Attachment
	// SBOM is the format of the SBOMs that archives carry, one of each image; "" is none. Version is that of Slipway,
	// which they name.
	SBOM, Version string
}

// A PackSource is an image to pack or to copy.
type PackSource struct {
	Ref string
	// Where is the file:line of Ref in a list; it is empty for arguments.
	Where string
}

// explain adds the line of the list to an error.
func (s PackSource) explain(err error) error {
	if err == nil || s.Where == "" {
		return err
	}
	return fmt.Errorf("%s: %w", s.Where, err)
}

// Pack finds all images, and then writes all archives. Before it writes anything, it reports all missing images and
// disks without enough space.
func (w *Workbench) Pack(ctx context.Context, job PackJob) ([]pack.Result, error) {
	var format document.Format
	if job.SBOM != "" {
		var err error
		if format, err = document.ParseFormat(job.SBOM); err != nil {
			return nil, usage.Wrap(err)
		}
	}
	content, outputs, p, err := w.preparePack(ctx, job)
	if err == nil {
		err = p.Enough()
	}
	if err != nil {
		return nil, err
	}
	if job.SBOM != "" {
		if content, err = sboms.Add(ctx, w.Catalog(), content, format, job.Version); err != nil {
			return nil, err
		}
	}
	opts := pack.Options{Layers: job.Layers, Level: job.Level, Jobs: w.options.Jobs}
	if job.Proof {
		opts.Proof = &pack.Proof{Policy: job.Policy, Sign: proof.SignWith(job.Sign), Attached: job.Trust}
	}
	made, err := pack.Write(ctx, w.Cache, content, outputs, opts)
	if err != nil {
		return nil, err
	}
	w.Tidy(ctx)
	return made, nil
}

// PreflightPack estimates the cost of Pack. It downloads no layers.
func (w *Workbench) PreflightPack(ctx context.Context, job PackJob) (*Preflight, error) {
	_, _, p, err := w.preparePack(ctx, job)
	return p, err
}

func (w *Workbench) preparePack(ctx context.Context, job PackJob) ([]pack.Image, []pack.Output, *Preflight, error) {
	var errs []error
	if len(job.Images) == 0 {
		errs = append(errs, usage.Errorf("no images to pack: add references, or a list with -f LIST.txt"))
	}
	if len(job.Outputs) == 0 {
		errs = append(errs, usage.Errorf("missing output: add -o FILE.tar.zst"))
	}
	outputs := make([]pack.Output, len(job.Outputs))
	for i, path := range job.Outputs {
		_, err := format.OutputCodec(path)
		errs = append(errs, usage.Wrap(err))
		outputs[i] = pack.Output{Path: path, Split: job.Split}
	}
	errs = append(errs, usage.Wrap(job.Layers.Validate()), usage.Wrap(job.Level.Validate()))
	platform, err := w.onePlatform()
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, nil, nil, err
	}
	var attached *carry.Budget
	if job.Proof && !w.options.Offline {
		attached = carry.NewBudget(maxAttached)
	} else if job.Proof {
		progress.Warn(ctx, "offline: archives do not carry signatures and other referrers of their images, since registries cannot be asked for them")
	}
	content := make([]pack.Image, len(job.Images))
	err = parallel.Each(ctx, len(job.Images), w.options.Transfers(), func(i int) error {
		source := job.Images[i]
		var err error
		content[i], err = w.findImage(ctx, source.Ref, platform, attached)
		return source.explain(err)
	})
	if err != nil {
		return nil, nil, nil, err
	}
	archive := PlannedArchive{Content: content, Layers: job.Layers}
	for _, output := range job.Outputs {
		archive.Outputs = append(archive.Outputs, PlannedOutput{Path: output})
	}
	p, err := NewPreflight(ctx, w.Cache, []PlannedArchive{archive})
	return content, outputs, p, err
}

// onePlatform returns the platform of the options, or Linux on this machine's architecture. It is an error if there are
// several, since an archive has one image for each name.
func (w *Workbench) onePlatform() (v1.Platform, error) {
	switch len(w.options.Platforms) {
	case 0:
		return v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, nil
	case 1:
		return w.options.Platforms[0], nil
	}
	return v1.Platform{}, usage.Errorf("an archive is for one platform: run the command once for each --platform")
}

// FindImage finds an image to pack for a platform, with its name and with the index that its source has for it.
func (w *Workbench) FindImage(ctx context.Context, ref string, platform v1.Platform) (pack.Image, error) {
	return w.findImage(ctx, ref, platform, nil)
}

// maxAttached limits what is attached to all images of one pack, in bytes: it is in memory until the archives are written.
const maxAttached = 2 << 30

// findImage is FindImage. With a budget, it also finds what is attached to an image of a registry.
func (w *Workbench) findImage(ctx context.Context, ref string, platform v1.Platform, budget *carry.Budget) (pack.Image, error) {
	found, err := w.Sources.Resolve(ctx, ref)
	if err != nil {
		return pack.Image{}, fmt.Errorf("image %s: %w", ref, err)
	}
	if found.Name == "" {
		return pack.Image{}, usage.Errorf("image %s has no fully qualified name, so nodes could not find it: %s", ref, found.Naming)
	}
	named, err := images.ParseReference(found.Name)
	if err != nil {
		return pack.Image{}, fmt.Errorf("image %s: %w", ref, err)
	}
	image, err := found.ImageFor(ctx, ref, platform)
	out := pack.Image{Names: []name.Reference{named}, Image: image, Platform: platform, Index: found.Kept}
	if err == nil && budget != nil && found.InRegistry {
		if err = w.addAttached(ctx, &out, budget); err != nil {
			err = fmt.Errorf("image %s: looking for what is attached to it: %w", ref, err)
		}
	}
	return out, err
}

// FindBase finds the base of an image for a platform, as builders do.
func (w *Workbench) FindBase(ctx context.Context, ref string, platform v1.Platform) (v1.Image, error) {
	return w.Bases.Image(ctx, ref, platform)
}
