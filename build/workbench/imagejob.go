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

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// An ImageJob is the input of `slipway image build`: a Dockerfile to build for the platforms of the options.
type ImageJob struct {
	// Context is a folder. Dockerfile is a path; empty means CONTEXT/Dockerfile.
	Context, Dockerfile    string
	Target                 string
	Args, Contexts, Labels map[string]string
	// Tags are references. Outputs are oci:DIR[:NAME], docker:FILE or push.
	Tags, Outputs []string
	Format        images.Format
	// Modes are the modes of files of contexts.
	Modes images.Modes
	// EngineOptions apply to the builders docker and buildkit.
	EngineOptions
}

// An ImageResult is the result of an ImageJob.
type ImageResult struct {
	Images []BuiltImage `json:"images"`
	// Index is the digest of the index, if the job is for several platforms.
	Index string `json:"index,omitempty"`
}

// A BuiltImage is the image for one platform.
type BuiltImage struct {
	Platform images.Platform `json:"platform"`
	Digest   string          `json:"digest"`
	// Size is the size of the manifest, the config and the layers, in bytes.
	Size int64 `json:"size"`
}

// Write prints one digest per line. The digest of the index is the last one.
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

// BuildImage builds a Dockerfile for each platform of the options, and writes the result to the outputs of the job. It
// checks the job before it builds anything, and reports all problems.
func (w *Workbench) BuildImage(ctx context.Context, job ImageJob) (ImageResult, error) {
	checked, err := w.checkImageJob(job)
	if err != nil {
		return ImageResult{}, err
	}
	var result ImageResult
	err = store.Mend(ctx, func() error {
		result, err = w.makeImage(ctx, checked)
		return err
	})
	if err == nil {
		w.Tidy(ctx)
	}
	return result, err
}

// A checkedImageJob is an ImageJob with parsed options.
type checkedImageJob struct {
	ImageJob
	tags    []name.Tag
	outputs []imageOutput
	epoch   time.Time
}

func (w *Workbench) checkImageJob(job ImageJob) (checkedImageJob, error) {
	checked := checkedImageJob{ImageJob: job}
	var err error
	checked.tags, err = parseTags(job.Tags)
	errs := []error{err, usage.Wrap(job.Format.Validate()), usage.Wrap(job.Modes.Validate())}
	for _, text := range job.Outputs {
		output, err := parseOutput(text)
		checked.outputs = append(checked.outputs, output)
		errs = append(errs, err, output.check(len(checked.tags), len(w.options.Platforms)))
	}
	if info, err := os.Stat(job.Context); err != nil {
		errs = append(errs, usage.Errorf("build context: %w", err))
	} else if !info.IsDir() {
		errs = append(errs, usage.Errorf("build context %s is a file, not a folder", job.Context))
	}
	checked.epoch, err = parseSourceDateEpoch(w.options.SourceDateEpoch)
	return checked, errors.Join(append(errs, err)...)
}

// makeImage is BuildImage after the checks.
func (w *Workbench) makeImage(ctx context.Context, job checkedImageJob) (ImageResult, error) {
	made, err := w.assembleAll(ctx, job)
	if err != nil {
		return ImageResult{}, err
	}
	var result ImageResult
	entries := make([]images.IndexEntry, len(made))
	for i, m := range made {
		entries[i] = images.IndexEntry{Name: images.FormatPlatform(m.platform), Image: m.image}
		digest, err := m.image.Digest()
		if err != nil {
			return ImageResult{}, err
		}
		size, err := images.ImageSize(m.image)
		if err != nil {
			return ImageResult{}, err
		}
		result.Images = append(result.Images, BuiltImage{images.Platform{Platform: m.platform}, digest.String(), size})
	}
	var artifact images.Artifact = made[0].image
	if len(made) > 1 {
		index, err := images.NewIndex(entries, nil)
		if err != nil {
			return ImageResult{}, err
		}
		digest, err := index.Digest()
		if err != nil {
			return ImageResult{}, err
		}
		result.Index, artifact = digest.String(), index
	}
	var errs []error
	for _, o := range job.outputs {
		errs = append(errs, w.writeOutput(ctx, o, job.tags, artifact))
	}
	return result, errors.Join(errs...)
}

// An assembled is an image with the platform in its config.
type assembled struct {
	platform v1.Platform
	image    v1.Image
}

func (w *Workbench) assembleAll(ctx context.Context, job checkedImageJob) ([]assembled, error) {
	platforms := w.options.Platforms
	if len(platforms) == 0 {
		platforms = []v1.Platform{{OS: "linux", Architecture: runtime.GOARCH}}
	}
	assembler, err := w.Assembler(ctx, w.options.Builder, nil, job.EngineOptions)
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
			Contexts: job.Contexts, Epoch: job.epoch, Format: job.Format, Modes: job.Modes, NoCache: w.options.NoCache,
		})
		if err != nil {
			return err
		}
		// A base image may have completed windows/amd64 by an exact version.
		made[i].image = image
		made[i].platform, err = images.ConfigPlatform(image)
		return err
	})
	return made, err
}

// parseSourceDateEpoch parses the time of images without a project. For "", it returns the zero time.
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
