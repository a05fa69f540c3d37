package release

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/internal/parallel"
)

// packageAirgap writes the archives of all lists. All images are found first, so
// that what is missing is said before anything is written, all of it at once.
func (b *Builder) packageAirgap(ctx context.Context) error {
	var (
		missing  = make([]error, len(b.Plan.Archives))
		contents = make([][]pack.Image, len(b.Plan.Archives))
		pulled   parallel.Memo[pack.Image]
	)
	// All images, also those that no archive holds: what was packaged can be verified
	// and published.
	if err := b.buildImages(ctx); err != nil {
		return err
	}
	_ = parallel.Each(ctx, len(b.Plan.Archives), len(b.Plan.Archives), func(i int) error {
		contents[i], missing[i] = b.archiveImages(ctx, b.Plan.Archives[i], &pulled)
		return nil
	})
	if err := errors.Join(append(parallel.Distinct(missing), context.Cause(ctx))...); err != nil {
		return err
	}
	if err := b.checkRoom(ctx, contents); err != nil {
		return err
	}
	// One after the other: each uses all cores, and finds what the one before has
	// compressed.
	for i, step := range b.Plan.Archives {
		if err := b.archive(ctx, step, contents[i]); err != nil {
			return err
		}
	}
	if err := b.checkReleaseSizes(); err != nil {
		return err
	}
	for _, l := range b.Plan.Lists {
		if err := b.textList(ctx, "all images", l.Platform, l.Output, l.Images); err != nil {
			return err
		}
	}
	return nil
}

// checkRoom looks whether the disks have room for the archives that are not there.
func (b *Builder) checkRoom(ctx context.Context, contents [][]pack.Image) error {
	outputs := make([][]string, len(contents))
	for i, step := range b.Plan.Archives {
		key, err := archiveKey(step, contents[i])
		if err != nil {
			return err
		}
		for _, o := range step.Outputs {
			if !b.holds(ctx, o, key) {
				outputs[i] = append(outputs[i], b.path(o))
			}
		}
	}
	p, err := workbench.NewPreflight(b.bench.Cache, contents, outputs)
	if err != nil {
		return err
	}
	return p.Enough()
}

// Preflight says what packing the images of other registries would cost: each is
// looked up, and those that are missing are reported together. Own images do not
// count, since they may not be built.
func (b *Builder) Preflight(ctx context.Context) (*workbench.Preflight, error) {
	if err := b.openBench(); err != nil {
		return nil, err
	}
	var (
		missing  = make([]error, len(b.Plan.Archives))
		contents = make([][]pack.Image, len(b.Plan.Archives))
		outputs  = make([][]string, len(b.Plan.Archives))
		pulled   parallel.Memo[pack.Image]
	)
	_ = parallel.Each(ctx, len(b.Plan.Archives), max(len(b.Plan.Archives), 1), func(i int) error {
		step := b.Plan.Archives[i]
		step.Images = slices.DeleteFunc(slices.Clone(step.Images), func(a plan.ArchiveImage) bool { return a.Own != "" })
		contents[i], missing[i] = b.archiveImages(ctx, step, &pulled)
		for _, o := range step.Outputs {
			outputs[i] = append(outputs[i], b.path(o))
		}
		return nil
	})
	if err := errors.Join(append(parallel.Distinct(missing), context.Cause(ctx))...); err != nil {
		return nil, err
	}
	return workbench.NewPreflight(b.bench.Cache, contents, outputs)
}

// archiveImages are the images of an archive. Those of registries are looked up;
// their layers are fetched when the archive is written.
func (b *Builder) archiveImages(ctx context.Context, step plan.ArchiveStep, pulled *parallel.Memo[pack.Image]) ([]pack.Image, error) {
	out := make([]pack.Image, len(step.Images))
	err := parallel.Each(ctx, len(step.Images), b.options.Transfers(), func(i int) error {
		planned := step.Images[i]
		out[i].Platform = step.Platform.Platform
		for _, text := range planned.Names {
			ref, err := images.ParseReference(text)
			if err != nil {
				return err
			}
			out[i].Names = append(out[i].Names, ref)
		}
		if planned.Own != "" {
			own, _ := b.Plan.Image(planned.Own)
			var err error
			out[i].Own = true
			out[i].Image, err = b.image(ctx, own)
			return err
		}
		ref := planned.Names[0]
		found, err := pulled.Do(ctx, ref+" "+step.Platform.String(), func() (pack.Image, error) {
			return b.bench.FindImage(ctx, ref, step.Platform.Platform)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", planned.Source, err)
		}
		out[i].Image, out[i].Index = found.Image, found.Index
		return nil
	})
	return out, err
}

// archive writes one archive in all its formats, and its list of names.
func (b *Builder) archive(ctx context.Context, step plan.ArchiveStep, content []pack.Image) error {
	key, err := archiveKey(step, content)
	if err != nil {
		return err
	}
	var outputs []pack.Output
	for _, o := range step.Outputs {
		if !b.holds(ctx, o, key) {
			outputs = append(outputs, pack.Output{Path: b.path(o), Split: step.Split})
		}
	}
	if len(outputs) > 0 {
		if err := os.MkdirAll(b.path("dist/artifacts"), 0o755); err != nil {
			return err
		}
		if _, err := pack.Write(ctx, b.bench.Cache, content, outputs,
			pack.Options{Layers: step.Layers, Level: step.Level, Jobs: b.options.Jobs}); err != nil {
			return fmt.Errorf("list %s for %s: %w", step.List, step.Platform, err)
		}
	}
	err = parallel.Each(ctx, len(step.Outputs), b.options.Jobs, func(i int) error {
		return b.made(ctx, Made{Kind: "archive", Name: step.List, Platform: step.Platform, Path: step.Outputs[i]}, key)
	})
	if err != nil {
		return err
	}
	return b.textList(ctx, step.List, step.Platform, step.Text, step.Lines())
}

// textList writes a list of images.
func (b *Builder) textList(ctx context.Context, list string, platform images.Platform, path string, lines []string) error {
	if err := output.WriteFile(b.path(path), []byte(strings.Join(lines, "\n")+"\n")); err != nil {
		return err
	}
	return b.made(ctx, Made{Kind: "list", Name: list, Platform: platform, Path: path}, "")
}

// archiveVersion and bundleVersion change when the same input makes other bytes.
const archiveVersion, bundleVersion = 5, 1

// archiveKey names everything that decides the bytes of an archive but its
// format: images, their names and order, and the options.
func archiveKey(step plan.ArchiveStep, content []pack.Image) (string, error) {
	type packed struct {
		Names  []string
		Digest v1.Hash
		Own    bool
		// Index is that of an index which original layers keep.
		Index *v1.Hash `json:",omitempty"`
	}
	key := struct {
		Version       int
		Layers, Level string
		Split         int64
		Images        []packed
	}{archiveVersion, cmp.Or(step.Layers, "uncompressed"), cmp.Or(step.Level, "best"), step.Split, nil}
	for _, c := range content {
		d, err := c.Image.Digest()
		if err != nil {
			return "", err
		}
		p := packed{spell(c.Names), d, c.Own, nil}
		if c.Index != nil && step.Layers == "original" {
			h, err := c.Index.Digest()
			if err != nil {
				return "", err
			}
			p.Index = &h
		}
		key.Images = append(key.Images, p)
	}
	return hashOf(key)
}

func spell(refs []name.Reference) []string {
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = images.Qualified(r)
	}
	return out
}

// hashOf names a value by its JSON.
func hashOf(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}
