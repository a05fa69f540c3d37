package build

import (
	"context"
	"fmt"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/compile"
)

// A builtBinary is a BinaryStep that was done.
type builtBinary struct {
	step   BinaryStep
	digest v1.Hash
	size   int64
}

func (b *Builder) buildBinaries(ctx context.Context) error {
	_, err := b.compile(ctx)
	return err
}

// compile makes all binaries of the plan, in one go, so that those of one module
// share its loading.
func (b *Builder) compile(ctx context.Context) ([]builtBinary, error) {
	return b.binaries.do(ctx, "", func() ([]builtBinary, error) {
		steps := b.Plan.Binaries
		if len(steps) == 0 {
			return nil, nil
		}
		compiler := compile.New(compile.Options{
			Jobs: b.settings.Jobs, Cache: filepath.Join(b.settings.Cache, "compile"),
			Ignore: []string{b.dist()}, Offline: b.settings.Offline,
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
		made := make([]builtBinary, len(steps))
		for i, r := range results {
			made[i] = builtBinary{steps[i], r.Digest, r.Size}
		}
		for _, m := range made {
			b.report.add(Made{Kind: "binary", Name: m.step.Name, Platform: m.step.Platform, Path: m.step.Output, Digest: m.digest.String(), Size: m.size})
		}
		return made, nil
	})
}

// A Made is something that a run made or found made: a file or an image.
type Made struct {
	// Kind is binary, image, index, archive, list, bundle, checksums or release.
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Platform Platform `json:"platform,omitzero"`
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
