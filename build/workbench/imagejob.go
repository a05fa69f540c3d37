package workbench

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// An ImageJob is one `slipway image build`: a Dockerfile, for the platforms of
// the options, to some outputs.
type ImageJob struct {
	// Context is the folder, Dockerfile its path if not CONTEXT/Dockerfile.
	Context, Dockerfile    string
	Target                 string
	Args, Contexts, Labels map[string]string
	// Tags are references; Outputs are oci:DIR[:NAME], docker:FILE or push.
	Tags, Outputs []string
	Format        images.Format
	// Modes are those of files of contexts.
	Modes images.Modes
	// EngineOptions are for the builders docker and buildkit.
	EngineOptions
}

// An ImageResult is what an ImageJob made.
type ImageResult struct {
	Images []BuiltImage `json:"images"`
	// Index is that of several platforms.
	Index string `json:"index,omitempty"`
}

// A BuiltImage is one platform's image.
type BuiltImage struct {
	Platform images.Platform `json:"platform"`
	Digest   string          `json:"digest"`
	// Size is that of the manifest, config and layers, in bytes.
	Size int64 `json:"size"`
}

// Write prints the digests, one a line; that of an index comes last.
func (r ImageResult) Write(w io.Writer) error {
	t := progress.NewTable("DIGEST", "PLATFORM", "SIZE").AlignRight("SIZE")
	for _, i := range r.Images {
		t.Add(i.Digest, i.Platform.String(), progress.FormatBytes(i.Size))
	}
	if r.Index != "" {
		t.Add(r.Index, "index", "")
	}
	return t.Write(w)
}

// BuildImage builds a Dockerfile for every platform of the options, and hands
// the result to the outputs.
func (w *Workbench) BuildImage(ctx context.Context, job ImageJob) (ImageResult, error) {
	tags, err := parseTags(job.Tags)
	errs := []error{err, usage.Wrap(job.Format.Validate()), usage.Wrap(job.Modes.Validate())}
	var outputs []imageOutput
	for _, text := range job.Outputs {
		kind, where, name, err := parseOutput(text)
		errs = append(errs, err)
		outputs = append(outputs, imageOutput{kind, where, name})
		if (kind == "push" || kind == "docker") && len(tags) == 0 {
			errs = append(errs, usage.Errorf("output %s: say which name with -t REF", text))
		}
		if kind == "docker" {
			if len(w.options.Platforms) > 1 {
				errs = append(errs, usage.Errorf("output %s: a name in it stands for one platform, and %d are built; use oci:DIR, or one command for each", text, len(w.options.Platforms)))
			}
			_, err := format.OutputCodec(where)
			errs = append(errs, usage.Wrap(err))
		}
	}
	if info, err := os.Stat(job.Context); err != nil {
		errs = append(errs, usage.Errorf("build context: %w", err))
	} else if !info.IsDir() {
		errs = append(errs, usage.Errorf("build context %s is a file, not a folder", job.Context))
	}
	epoch, err := parseSourceDateEpoch(w.options.SourceDateEpoch)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return ImageResult{}, err
	}

	var result ImageResult
	err = store.Mend(ctx, func() error {
		result, err = w.makeImage(ctx, job, epoch, tags, outputs)
		return err
	})
	if err == nil {
		w.Tidy(ctx)
	}
	return result, err
}

// An imageOutput is a value of -o.
type imageOutput struct{ kind, where, name string }

// makeImage is BuildImage for a job that was found right.
func (w *Workbench) makeImage(ctx context.Context, job ImageJob, epoch time.Time, tags []name.Tag, outputs []imageOutput) (ImageResult, error) {
	made, err := w.assembleAll(ctx, job, epoch)
	if err != nil {
		return ImageResult{}, err
	}
	var (
		result  ImageResult
		subject any
		errs    []error
	)
	for _, m := range made {
		digest, err := m.image.Digest()
		if err != nil {
			return ImageResult{}, err
		}
		size, err := images.ImageSize(m.image)
		if err != nil {
			return ImageResult{}, err
		}
		result.Images = append(result.Images, BuiltImage{images.Platform{Platform: m.platform}, digest.String(), size})
		subject = m.image
	}
	if len(made) > 1 {
		var entries []images.IndexEntry
		for _, m := range made {
			entries = append(entries, images.IndexEntry{Name: images.FormatPlatform(m.platform), Image: m.image})
		}
		index, err := images.NewIndex(entries, nil)
		if err != nil {
			return ImageResult{}, err
		}
		digest, err := index.Digest()
		if err != nil {
			return ImageResult{}, err
		}
		result.Index, subject = digest.String(), index
	}
	for _, o := range outputs {
		var err error
		switch o.kind {
		case "oci":
			err = putLayout(ctx, o.where, o.name, tags, subject)
		case "docker":
			_, err = airgap.Pack(ctx, w.Cache, []airgap.Image{{Names: references(tags), Image: made[0].image, Own: true}},
				[]airgap.Output{{Path: o.where}}, airgap.Options{Jobs: w.options.Jobs})
		case "push":
			for _, tag := range tags {
				if _, e := w.Registry.Push(ctx, tag, subject); e != nil {
					err = errors.Join(err, e)
				}
			}
		}
		errs = append(errs, err)
	}
	return result, errors.Join(errs...)
}

// An assembled is an image that was built for a platform.
type assembled struct {
	platform v1.Platform
	image    v1.Image
}

func (w *Workbench) assembleAll(ctx context.Context, job ImageJob, epoch time.Time) ([]assembled, error) {
	platforms := w.options.Platforms
	if len(platforms) == 0 {
		platforms = []v1.Platform{{OS: "linux", Architecture: runtime.GOARCH}}
	}
	assembler, err := w.Assembler(ctx, w.options.Builder, "", job.EngineOptions)
	if err != nil {
		return nil, err
	}
	file := job.Dockerfile
	if file == "" {
		file = filepath.Join(job.Context, "Dockerfile")
	}
	made := make([]assembled, len(platforms))
	err = parallel.Each(ctx, len(platforms), w.options.Jobs, func(i int) error {
		image, err := assembler.Assemble(ctx, images.BuildContext{
			Dir: job.Context, Dockerfile: file, Target: job.Target, Platform: platforms[i], Args: job.Args, Labels: job.Labels,
			Contexts: job.Contexts, Epoch: epoch, Format: job.Format, Modes: job.Modes, NoCache: w.options.NoCache,
		})
		if err != nil {
			return err
		}
		// What was asked for as windows/amd64 may have an exact version now.
		made[i].image = image
		made[i].platform, err = images.ConfigPlatform(image)
		return err
	})
	return made, err
}

// putLayout adds an image or index to an OCI layout, under its tags or a name.
func putLayout(ctx context.Context, dir, refName string, tags []name.Tag, subject any) error {
	layout, err := store.OpenOutput(dir)
	if err != nil {
		return err
	}
	defer layout.Close()
	var d *v1.Descriptor
	switch subject := subject.(type) {
	case v1.Image:
		if err = layout.AddImage(ctx, subject); err == nil {
			d, err = partial.Descriptor(subject)
		}
		if err == nil {
			var platform v1.Platform
			platform, err = images.ConfigPlatform(subject)
			d.Platform = &platform
		}
	case v1.ImageIndex:
		if err = layout.AddIndex(ctx, subject); err == nil {
			d, err = partial.Descriptor(subject)
		}
	}
	if err != nil {
		return err
	}
	names := []string{refName}
	if refName == "" && len(tags) > 0 {
		names = nil
		for _, t := range tags {
			names = append(names, images.Qualified(t))
		}
	}
	for _, n := range names {
		err = errors.Join(err, layout.Tag(ctx, n, *d))
	}
	return err
}

func references(tags []name.Tag) []name.Reference {
	out := make([]name.Reference, len(tags))
	for i, t := range tags {
		out[i] = t
	}
	return out
}

// parseSourceDateEpoch reads the time of images that belong to no project; it is zero for an empty text.
func parseSourceDateEpoch(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	epoch, err := images.ParseEpoch(text)
	if err != nil {
		return epoch, usage.Errorf("environment SOURCE_DATE_EPOCH: %w", err)
	}
	return epoch, nil
}
