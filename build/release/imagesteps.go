package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/internal/glob"
	"github.com/slipway-build/slipway/progress"
)

// buildImages makes the images and indexes of the plan, and the binaries and artifacts that they contain.
func (r *Release) buildImages(ctx context.Context) error {
	for _, stage := range r.Plan.Stages() {
		if err := r.buildStage(ctx, stage); err != nil {
			return err
		}
	}
	if err := r.proveAttested(ctx); err != nil {
		return err
	}
	// In the plan, indexes of Windows versions come before those that contain them.
	for _, step := range r.Plan.Indexes {
		if _, err := r.index(ctx, step); err != nil {
			return err
		}
	}
	if err := r.prove(ctx, isOfImage); err != nil {
		return err
	}
	return r.runHooks(ctx, hooksOf(r.Plan.Images, func(s plan.ImageStep) []plan.HookStep { return s.After }))
}

// image makes one image in dist/oci, under its tag.
func (r *Release) image(ctx context.Context, step plan.ImageStep) (v1.Image, error) {
	return r.images.Do(ctx, step.Ref, func() (v1.Image, error) {
		ctx := progress.Within(ctx, r.imageTarget(step).stepName())
		image, err := r.assemble(ctx, step)
		if err != nil {
			return nil, err
		}
		bases, err := r.basesOf(ctx, step, false)
		if err != nil {
			return nil, fmt.Errorf("image %s for %s: %w", step.Image, step.Platform, err)
		}
		kept, err := r.keepImage(ctx, step, image, bases)
		if err == nil {
			r.note(ctx, r.imageTarget(step), false)
		}
		return kept, err
	})
}

// keepImage writes an image to dist/oci under its tag, and returns the image in dist/oci, which publish reads. bases are
// Made.Bases.
func (r *Release) keepImage(ctx context.Context, step plan.ImageStep, image v1.Image, bases map[string]string) (v1.Image, error) {
	// The base image may be for another build of Windows than the plan.
	platform, err := images.ConfigPlatform(image)
	if err == nil && !images.SamePlatform(platform, step.Platform.Platform) {
		err = fmt.Errorf("it is for %s", images.FormatPlatform(platform))
	}
	if err != nil {
		return nil, fmt.Errorf("image %s for %s: %w", step.Image, step.Platform, err)
	}
	if err := r.layout.AddImage(ctx, image); err != nil {
		return nil, fmt.Errorf("image %s for %s: %w", step.Image, step.Platform, err)
	}
	d, err := partial.Descriptor(image)
	if err != nil {
		return nil, err
	}
	d.Platform = &platform
	if err := r.tag(ctx, step.Ref, *d); err != nil {
		return nil, err
	}
	size, err := images.ImageSize(image)
	if err != nil {
		return nil, err
	}
	r.report.add(Made{Kind: "image", Name: step.Image, Platform: step.Platform, Ref: step.Ref, Bases: bases, Digest: d.Digest.String(), Size: size})
	return r.layout.Image(d.Digest)
}

func (r *Release) assemble(ctx context.Context, step plan.ImageStep) (v1.Image, error) {
	// config.Load has made the same check, but some files may not have existed then.
	if err := r.Config.CheckImage(step.Dockerfile, step.Context, step.Contexts, step.EngineOpts); err != nil {
		return nil, fmt.Errorf("image %s: %w", step.Image, err)
	}
	addresses := step.Addresses
	if len(addresses) == 0 && step.Address != "" {
		addresses = []string{step.Address}
	}
	assembler, err := r.bench.Assembler(ctx, step.Builder, addresses, r.engineOptions(step))
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", step.Image, err)
	}
	return assembler.Assemble(ctx, r.buildContext(step))
}

// engineOptions returns the options of the engine for an image. A BuildKit has its cache beside the shared ones, unless
// the image names another; the one inside Docker Engine cannot write such caches.
func (r *Release) engineOptions(step plan.ImageStep) workbench.EngineOptions {
	o := workbench.EngineOptions(step.EngineOpts.OnDisk(r.path))
	if step.Builder == images.BuildkitBuilder && len(o.CacheFrom)+len(o.CacheTo) == 0 && !r.options.Offline {
		name := step.Image + "-" + images.PlatformSlug(step.Platform.Platform)
		if step.Windows != "" {
			name += "-" + step.Windows
		}
		o.CacheFrom, o.CacheTo = r.sharedCache().OfEngine(name, r.options.Getenv, r.plainHTTP)
	}
	return o
}

// plainHTTP reports whether a registry is reached over plain HTTP.
func (r *Release) plainHTTP(host string) bool {
	return slices.Contains(r.options.PlainHTTP, host) || r.Config.HostSettings()[host].PlainHTTP
}

func (r *Release) buildContext(step plan.ImageStep) images.BuildContext {
	return r.buildContextIn(r.folder, step)
}

// buildContextIn is buildContext for another folder of output.
func (r *Release) buildContextIn(folder output.Folder, step plan.ImageStep) images.BuildContext {
	contexts := make(map[string]string, len(step.Contexts))
	for name, value := range step.Contexts {
		contexts[name] = contextValue(folder, value)
	}
	return images.BuildContext{
		Dir: folder.Path(step.Context), Dockerfile: r.relative(step.Dockerfile), Target: step.Target,
		Platform: step.Platform.Platform, Args: step.Args, Labels: step.Labels, Contexts: contexts,
		Epoch: givenEpoch(r.Plan.Release), Format: step.Format, Modes: step.Modes, NoCache: r.options.NoCache,
	}
}

// readByImages returns the binaries that images may contain, and those that are inputs of hooks before them. If a
// Dockerfile cannot be read yet, for instance because it names a frontend, it returns all binaries.
func (r *Release) readByImages(steps []plan.ImageStep) []plan.BinaryStep {
	return r.readByImagesIn(r.folder, steps, r.Plan.Binaries)
}

// readByImagesIn is readByImages for another folder of output, and for some of the binaries.
func (r *Release) readByImagesIn(folder output.Folder, steps []plan.ImageStep, binaries []plan.BinaryStep) []plan.BinaryStep {
	var all assemble.Reads
	for _, step := range steps {
		build := r.buildContextIn(folder, step)
		graph, err := assemble.New(assemble.Options{}).Graph(build)
		if err != nil {
			return binaries
		}
		reads, err := graph.Reads(build.Dir)
		if err != nil {
			return binaries
		}
		all = append(all, reads...)
	}
	var inputs []string
	for _, h := range hooksOf(steps, func(s plan.ImageStep) []plan.HookStep { return s.Before }) {
		inputs = append(inputs, h.Inputs...)
	}
	hooked, err := glob.New(inputs...)
	if err != nil {
		return binaries
	}
	return slices.DeleteFunc(slices.Clone(binaries), func(s plan.BinaryStep) bool {
		return !all.Has(folder.Path(s.Output)) && !hooked.Has(s.Output)
	})
}

// givenEpoch returns the time of a release. It is zero if neither a commit nor the environment provides it, in which
// case a Dockerfile may.
func givenEpoch(r version.Release) time.Time {
	if r.Commit == "" && r.Epoch.Unix() == 0 {
		return time.Time{}
	}
	return r.Epoch
}

// contextValue returns the value of a named context, with the location of its folder or layout on disk.
func contextValue(folder output.Folder, value string) string {
	if dir, ok := strings.CutPrefix(value, "oci-layout://"); ok {
		return "oci-layout://" + folder.Path(dir)
	}
	if strings.Contains(value, "://") {
		return value
	}
	return folder.Path(value)
}

// index makes an index in dist/oci. For members that this run does not make, it uses those that an earlier run made
// from the same inputs, so that build:linux and build:windows together make the same index as build:all.
func (r *Release) index(ctx context.Context, step plan.IndexStep) (v1.ImageIndex, error) {
	return r.indexes.Do(ctx, step.Ref, func() (v1.ImageIndex, error) {
		var (
			entries []images.IndexEntry
			errs    []error
		)
		// The index has all members of the release, even if this run is narrowed.
		whole, _ := r.full.Index(step.Ref)
		for _, member := range whole.Members {
			entry := images.IndexEntry{Name: member}
			var err error
			if nested, ok := r.Plan.Index(member); ok {
				entry.Index, err = r.index(ctx, nested)
			} else if of, ok := r.Plan.Image(member); ok {
				entry.Image, err = r.image(ctx, of)
			} else {
				entry.Image, entry.Index, err = r.reportedMember(ctx, member)
			}
			if entry.Image != nil && err == nil {
				entry.Attestation, err = r.attestation(member, entry.Image)
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
		if err := r.layout.AddIndex(ctx, index); err != nil {
			return nil, fmt.Errorf("index %s: %w", step.Ref, err)
		}
		d, err := partial.Descriptor(index)
		if err != nil {
			return nil, err
		}
		if err := r.tag(ctx, step.Ref, *d); err != nil {
			return nil, err
		}
		made := Made{Kind: "index", Name: step.Image, Ref: step.Ref, Digest: d.Digest.String(), Size: d.Size}
		if step.Platform != nil {
			made.Platform = *step.Platform
		}
		r.report.add(made)
		return r.layout.Index(d.Digest)
	})
}
