package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/internal/parallel"
)

// buildImages makes all images of the plan and their indexes, and the binaries that they
// are made from.
func (b *Builder) buildImages(ctx context.Context) error {
	if _, err := b.compile(ctx, b.readByImages()); err != nil {
		return err
	}
	if err := parallel.Each(ctx, len(b.Plan.Images), b.options.Jobs, func(i int) error {
		_, err := b.image(ctx, b.Plan.Images[i])
		return err
	}); err != nil {
		return err
	}
	// Those of Windows versions stand before those that hold them.
	for _, step := range b.Plan.Indexes {
		if _, err := b.index(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// image makes one image, in dist/oci under its tag.
func (b *Builder) image(ctx context.Context, step plan.ImageStep) (v1.Image, error) {
	return b.images.Do(ctx, step.Ref, func() (v1.Image, error) {
		image, err := b.assemble(ctx, step)
		if err != nil {
			return nil, err
		}
		// What a base offered may be another build than what the plan says.
		platform, err := images.ConfigPlatform(image)
		if err == nil && !images.SamePlatform(platform, step.Platform.Platform) {
			err = fmt.Errorf("it is for %s", images.FormatPlatform(platform))
		}
		if err != nil {
			return nil, fmt.Errorf("image %s for %s: %w", step.Image, step.Platform, err)
		}
		if err := b.layout.AddImage(ctx, image); err != nil {
			return nil, fmt.Errorf("image %s for %s: %w", step.Image, step.Platform, err)
		}
		d, err := partial.Descriptor(image)
		if err != nil {
			return nil, err
		}
		d.Platform = &platform
		if err := b.layout.Tag(ctx, step.Ref, *d); err != nil {
			return nil, err
		}
		size, err := images.ImageSize(image)
		if err != nil {
			return nil, err
		}
		b.report.add(Made{Kind: "image", Name: step.Image, Platform: step.Platform, Ref: step.Ref, Digest: d.Digest.String(), Size: size})
		// From here on it is read from dist/oci, as it will be published.
		return b.layout.Image(d.Digest)
	})
}

func (b *Builder) assemble(ctx context.Context, step plan.ImageStep) (v1.Image, error) {
	// Load has checked the same, but not what did not exist yet.
	if err := b.Config.CheckImage(step.Dockerfile, step.Context, step.Contexts, step.EngineOpts); err != nil {
		return nil, fmt.Errorf("image %s: %w", step.Image, err)
	}
	assembler, err := b.bench.Assembler(ctx, step.Builder, step.Address, workbench.EngineOptions(step.EngineOpts.OnDisk(b.path)))
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", step.Image, err)
	}
	return assembler.Assemble(ctx, b.buildContext(step))
}

func (b *Builder) buildContext(step plan.ImageStep) images.BuildContext {
	contexts := make(map[string]string, len(step.Contexts))
	for name, value := range step.Contexts {
		contexts[name] = b.contextValue(value)
	}
	return images.BuildContext{
		Dir: b.path(step.Context), Dockerfile: b.relative(step.Dockerfile), Target: step.Target,
		Platform: step.Platform.Platform, Args: step.Args, Labels: step.Labels, Contexts: contexts,
		Epoch: givenEpoch(b.Plan.Release), Format: step.Format, Modes: step.Modes, NoCache: b.options.NoCache,
	}
}

// readByImages are the binaries that an image of the plan may be made from. A Dockerfile
// that cannot be read yet, such as one of a syntax of its own, may read any.
func (b *Builder) readByImages() []plan.BinaryStep {
	var all assemble.Reads
	for _, step := range b.Plan.Images {
		reads, err := assemble.New(assemble.Options{}).Reads(b.buildContext(step))
		if err != nil {
			return b.Plan.Binaries
		}
		all = append(all, reads...)
	}
	return slices.DeleteFunc(slices.Clone(b.Plan.Binaries), func(s plan.BinaryStep) bool { return !all.Has(b.path(s.Output)) })
}

// givenEpoch is the time of a release, or zero if neither a commit nor the
// environment gave one: then a Dockerfile may say it.
func givenEpoch(r version.Release) time.Time {
	if r.Commit == "" && r.Epoch.Unix() == 0 {
		return time.Time{}
	}
	return r.Epoch
}

// contextValue makes the folder of a named context one on disk; what has a scheme
// other than a layout's stays as it is.
func (b *Builder) contextValue(value string) string {
	if dir, ok := strings.CutPrefix(value, "oci-layout://"); ok {
		return "oci-layout://" + b.path(dir)
	}
	if strings.Contains(value, "://") {
		return value
	}
	return b.path(value)
}

// index makes an index of images of dist/oci, in dist/oci. What this run leaves out
// is as an earlier run made it from the same inputs, so that build:linux and
// build:windows are together what build:all is.
func (b *Builder) index(ctx context.Context, step plan.IndexStep) (v1.ImageIndex, error) {
	return b.indexes.Do(ctx, step.Ref, func() (v1.ImageIndex, error) {
		var (
			entries []images.IndexEntry
			errs    []error
		)
		earlier, err := b.readOwnReport()
		if err != nil {
			return nil, err
		}
		// All members of the release, whatever this run was narrowed to.
		whole, _ := b.full.Index(step.Ref)
		for _, member := range whole.Members {
			entry := images.IndexEntry{Name: member}
			var err error
			if nested, ok := b.Plan.Index(member); ok {
				entry.Index, err = b.index(ctx, nested)
			} else if of, ok := b.Plan.Image(member); ok {
				entry.Image, err = b.image(ctx, of)
			} else {
				entry.Image, entry.Index, err = b.earlierMember(earlier, member)
			}
			errs = append(errs, err)
			if entry.Image != nil || entry.Index != nil {
				entries = append(entries, entry)
			}
		}
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		index, err := images.NewIndex(entries, step.Annotations)
		if err != nil {
			return nil, fmt.Errorf("index %s: %w", step.Ref, err)
		}
		if err := b.layout.AddIndex(ctx, index); err != nil {
			return nil, fmt.Errorf("index %s: %w", step.Ref, err)
		}
		d, err := partial.Descriptor(index)
		if err != nil {
			return nil, err
		}
		if err := b.layout.Tag(ctx, step.Ref, *d); err != nil {
			return nil, err
		}
		made := Made{Kind: "index", Name: step.Image, Ref: step.Ref, Digest: d.Digest.String(), Size: d.Size}
		if step.Platform != nil {
			made.Platform = *step.Platform
		}
		b.report.add(made)
		return b.layout.Index(d.Digest)
	})
}

// earlierMember is what an earlier run left in dist/oci under a tag, if one did.
func (b *Builder) earlierMember(earlier Report, ref string) (v1.Image, v1.ImageIndex, error) {
	i := slices.IndexFunc(earlier.Made, func(m Made) bool { return m.Ref == ref })
	if i < 0 {
		return nil, nil, nil
	}
	d, err := b.layout.Lookup(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil || d.Digest.String() != earlier.Made[i].Digest {
		return nil, nil, err
	}
	if d.MediaType.IsIndex() {
		index, err := b.layout.Index(d.Digest)
		return nil, index, err
	}
	image, err := b.layout.Image(d.Digest)
	return image, nil, err
}
