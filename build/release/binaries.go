package release

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/compile"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
)

// A builtBinary is a BinaryStep that was done.
type builtBinary struct {
	step   plan.BinaryStep
	digest v1.Hash
	size   int64
}

func (b *Builder) buildBinaries(ctx context.Context) error {
	_, err := b.compile(ctx, b.Plan.Binaries)
	return err
}

// compile makes binaries of the plan, but for those that this run has made, in one go, so
// that those of one module share its loading.
func (b *Builder) compile(ctx context.Context, wanted []plan.BinaryStep) ([]builtBinary, error) {
	if b.binaries == nil {
		b.binaries = map[string]builtBinary{}
	}
	steps := slices.DeleteFunc(slices.Clone(wanted), func(s plan.BinaryStep) bool { _, made := b.binaries[s.Output]; return made })
	if len(steps) > 0 {
		compiler := compile.New(compile.Options{
			Jobs: b.options.Jobs, Cache: filepath.Join(b.options.Cache, "compile"),
			Ignore: []string{b.path("dist")}, Offline: b.options.Offline,
		})
		targets := make([]compile.Target, len(steps))
		for i, s := range steps {
			targets[i] = compile.Target{
				Name: s.Name, Package: s.Package, Dir: b.path(s.Module), Platform: s.Platform.Platform,
				Tags: s.Tags, Ldflags: s.Ldflags, Env: s.Env, Assert: s.Assert, Output: b.path(s.Output),
			}
		}
		results, err := compiler.Build(ctx, targets)
		if err != nil {
			return nil, err
		}
		for i, r := range results {
			s := steps[i]
			b.binaries[s.Output] = builtBinary{s, r.Digest, r.Size}
			b.report.add(Made{Kind: "binary", Name: s.Name, Platform: s.Platform, Path: s.Output, Digest: r.Digest.String(), Size: r.Size})
		}
	}
	made := make([]builtBinary, len(wanted))
	for i, s := range wanted {
		made[i] = b.binaries[s.Output]
	}
	return made, nil
}

// A Made is something that a run made or found made: a file or an image.
type Made struct {
	// Kind is binary, image, index, archive, list, bundle, checksums or release.
	Kind     string          `json:"kind"`
	Name     string          `json:"name"`
	Platform images.Platform `json:"platform,omitzero"`
	// Ref is an image's tag, Path a file's, relative to the project.
	Ref  string `json:"ref,omitempty"`
	Path string `json:"path,omitempty"`
	// Digest is a file's SHA-256, or that of an image's manifest.
	Digest string `json:"digest"`
	// Size is a file's, or what an image weighs in a registry, in bytes.
	Size int64 `json:"size"`
}

func (m Made) where() string {
	if m.Ref != "" {
		return m.Ref
	}
	return m.Path
}

func (m Made) key() string { return fmt.Sprint(m.Kind, " ", m.where()) }
