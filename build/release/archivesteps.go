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
	attest "github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/progress"
)

// packageAirgap writes the archives of all lists. It finds all images first, and reports all missing ones before it
// writes anything.
func (r *Release) packageAirgap(ctx context.Context) error {
	var (
		missing  = make([]error, len(r.Plan.Archives))
		contents = make([][]pack.Image, len(r.Plan.Archives))
		pulled   parallel.Memo[pack.Image]
	)
	// Build all images, even those in no archive, since verify and publish need them.
	if err := r.buildImages(ctx); err != nil {
		return err
	}
	_ = parallel.Each(ctx, len(r.Plan.Archives), len(r.Plan.Archives), func(i int) error {
		contents[i], missing[i] = r.archiveImages(ctx, r.Plan.Archives[i], &pulled)
		return nil
	})
	if err := errors.Join(append(parallel.Distinct(missing), context.Cause(ctx))...); err != nil {
		return err
	}
	if err := r.writeSBOMs(ctx, isSBOMOfImage); err != nil {
		return err
	}
	for i, step := range r.Plan.Archives {
		if err := r.enclose(step, contents[i]); err != nil {
			return err
		}
	}
	if err := r.checkSpace(ctx, contents); err != nil {
		return err
	}
	// Write the archives one after another: each uses all cores, and the frames of earlier ones.
	for i, step := range r.Plan.Archives {
		if err := r.archive(ctx, step, contents[i]); err != nil {
			return err
		}
	}
	if err := r.checkReleaseSizes(); err != nil {
		return err
	}
	for _, l := range r.Plan.Lists {
		if err := r.allImages(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// checkSpace returns an error if the archives that are not up to date will not fit on the disks.
func (r *Release) checkSpace(ctx context.Context, contents [][]pack.Image) error {
	archives := make([]workbench.PlannedArchive, len(contents))
	for i, step := range r.Plan.Archives {
		key, err := r.archiveKey(ctx, step, contents[i])
		if err != nil {
			return err
		}
		archives[i].Content, archives[i].Layers = contents[i], step.Layers
		for _, o := range step.Outputs {
			if !r.holds(ctx, o, key) {
				archives[i].Outputs = append(archives[i].Outputs, workbench.PlannedOutput{Path: r.path(o)})
			}
		}
	}
	p, err := workbench.NewPreflight(ctx, r.bench.Cache, archives)
	if err != nil {
		return err
	}
	return p.Enough()
}

// Preflight estimates the cost of packing, and reports all missing images. Own images may not exist yet. earlier returns
// the size of a file or image in an earlier release, or 0 if it is unknown; it may be nil.
func (r *Release) Preflight(ctx context.Context, earlier func(Made) int64) (*workbench.Preflight, error) {
	if earlier == nil {
		earlier = func(Made) int64 { return 0 }
	}
	if err := r.openLock(); err != nil {
		return nil, err
	}
	if err := r.openBench(); err != nil {
		return nil, err
	}
	var (
		missing  = make([]error, len(r.Plan.Archives))
		archives = make([]workbench.PlannedArchive, len(r.Plan.Archives))
		pulled   parallel.Memo[pack.Image]
	)
	_ = parallel.Each(ctx, len(r.Plan.Archives), max(len(r.Plan.Archives), 1), func(i int) error {
		step := r.Plan.Archives[i]
		archives[i].Layers, archives[i].Unmade = step.Layers, map[string]int64{}
		for _, a := range step.Images {
			if own, ok := r.Plan.Image(a.Own); ok {
				archives[i].Unmade[a.Own] = earlier(Made{Kind: "image", Name: own.Image, Platform: own.Platform, Ref: own.Ref})
			}
		}
		step.Images = slices.DeleteFunc(slices.Clone(step.Images), func(a plan.ArchiveImage) bool { return a.Own != "" })
		archives[i].Content, missing[i] = r.archiveImages(ctx, step, &pulled)
		for _, o := range step.Outputs {
			size := earlier(Made{Kind: "archive", Name: step.List, Platform: step.Platform, Path: o})
			archives[i].Outputs = append(archives[i].Outputs, workbench.PlannedOutput{Path: r.path(o), Size: size})
		}
		return nil
	})
	if err := errors.Join(append(parallel.Distinct(missing), context.Cause(ctx))...); err != nil {
		return nil, err
	}
	return workbench.NewPreflight(ctx, r.bench.Cache, archives)
}

// archiveImages finds the images of an archive. Layers are downloaded when the archive is written.
func (r *Release) archiveImages(ctx context.Context, step plan.ArchiveStep, pulled *parallel.Memo[pack.Image]) ([]pack.Image, error) {
	ctx = progress.Within(ctx, r.archiveTarget(step, nil).stepName())
	out := make([]pack.Image, len(step.Images))
	err := parallel.Each(ctx, len(step.Images), r.options.Transfers(), func(i int) error {
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
			own, _ := r.Plan.Image(planned.Own)
			var err error
			out[i].Own = true
			out[i].Image, err = r.image(ctx, own)
			return err
		}
		ref := planned.Names[0]
		found, err := pulled.Do(ctx, ref+" "+step.Platform.String(), func() (pack.Image, error) {
			return r.bench.FindImage(ctx, ref, step.Platform.Platform)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", planned.Source, err)
		}
		out[i].Image, out[i].Index = found.Image, found.Index
		return nil
	})
	return out, err
}

// archive writes an archive in all its formats, and its text list.
func (r *Release) archive(ctx context.Context, step plan.ArchiveStep, content []pack.Image) error {
	ctx = progress.Within(ctx, r.archiveTarget(step, nil).stepName())
	key, err := r.archiveKey(ctx, step, content)
	if err != nil {
		return err
	}
	if err := r.noteArchive(step, content); err != nil {
		return err
	}
	var outputs []pack.Output
	for _, o := range step.Outputs {
		if !r.holds(ctx, o, key) {
			outputs = append(outputs, pack.Output{Path: r.path(o), Split: step.Split})
		}
	}
	if len(outputs) > 0 {
		if err := os.MkdirAll(r.path("dist/artifacts"), 0o755); err != nil {
			return err
		}
		if content, err = r.encloseSBOMs(ctx, step, content); err != nil {
			return err
		}
		proof, err := r.archiveProof()
		if err != nil {
			return err
		}
		if _, err := pack.Write(ctx, r.bench.Cache, content, outputs,
			pack.Options{Layers: step.Layers, Level: step.Level, Jobs: r.options.Jobs, Proof: proof}); err != nil {
			return fmt.Errorf("list %s for %s: %w", step.List, step.Platform, err)
		}
	}
	err = parallel.Each(ctx, len(step.Outputs), r.options.Jobs, func(i int) error {
		return r.made(ctx, Made{Kind: "archive", Name: step.List, Platform: step.Platform, Path: step.Outputs[i]}, key)
	})
	if err != nil {
		return err
	}
	r.note(ctx, r.archiveTarget(step, content), len(outputs) == 0)
	if step.Text == "" {
		return nil
	}
	return r.textList(ctx, step.List, step.Platform, step.Text, step.Lines())
}

// textList writes a text list of images.
func (r *Release) textList(ctx context.Context, list string, platform images.Platform, path string, lines []string) error {
	if err := output.WriteFile(r.path(path), []byte(strings.Join(lines, "\n")+"\n")); err != nil {
		return err
	}
	return r.made(ctx, Made{Kind: "list", Name: list, Platform: platform, Path: path}, "")
}

// allImages writes the list of the images in all archives of a platform.
func (r *Release) allImages(ctx context.Context, l plan.ListStep) error {
	return r.textList(ctx, "all images", l.Platform, l.Output, l.Images)
}

// archiveVersion and bundleVersion change when the same input results in different bytes.
const archiveVersion, bundleVersion = 5, 1

// archiveKey returns the key of an archive in all its formats: images, their names and order, and the options.
func (r *Release) archiveKey(ctx context.Context, step plan.ArchiveStep, content []pack.Image) (string, error) {
	type packed struct {
		Names  []string
		Digest v1.Hash
		Own    bool
		// Index is the digest of the index that an archive with original layers keeps.
		Index *v1.Hash `json:",omitempty"`
		// Proof are the digests of the documents that the archive carries about the image.
		Proof []v1.Hash `json:",omitempty"`
	}
	key := struct {
		Version int
		Layers  images.ArchiveLayers
		Level   images.ZstdLevel
		Split   int64
		Images  []packed
		// Release and SignedBy are what the proof depends on beside the images.
		Release  *attest.Origin `json:",omitempty"`
		SignedBy string         `json:",omitempty"`
		SBOMs    *sbomKey       `json:",omitempty"`
	}{archiveVersion, cmp.Or(step.Layers, images.UncompressedLayers), cmp.Or(step.Level, images.BestZstd), step.Split, nil, nil, "", r.sbomKey(step)}
	if r.provesArchives() {
		key.Release = r.origin()
	}
	var err error
	if key.SignedBy, err = r.signedBy(ctx); err != nil {
		return "", err
	}
	for _, c := range content {
		d, err := c.Image.Digest()
		if err != nil {
			return "", err
		}
		p := packed{Names: spell(c.Names), Digest: d, Own: c.Own}
		for _, a := range c.Proof {
			p.Proof = append(p.Proof, a.Digest())
		}
		if c.Index != nil && step.Layers == images.OriginalLayers {
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

// hashOf returns the SHA-256 of the JSON of v.
func hashOf(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}
