package release

import (
	"context"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/compile"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
)

// A builtBinary is a binary that this run has compiled.
type builtBinary struct {
	step   plan.BinaryStep
	digest v1.Hash
	size   int64
}

// buildTargeted compiles the requested binaries.
func (r *Release) buildTargeted(ctx context.Context) error {
	if r.targeted == nil {
		return r.buildBinaries(ctx)
	}
	_, err := r.compile(ctx, r.targeted)
	return err
}

func (r *Release) buildBinaries(ctx context.Context) error {
	_, err := r.compile(ctx, r.Plan.Binaries)
	return err
}

// compile compiles the binaries that this run has not compiled yet, in one call, so that the binaries of one module are
// loaded once.
func (r *Release) compile(ctx context.Context, wanted []plan.BinaryStep) ([]builtBinary, error) {
	if r.binaries == nil {
		r.binaries = map[string]builtBinary{}
	}
	steps := slices.DeleteFunc(slices.Clone(wanted), func(s plan.BinaryStep) bool { _, made := r.binaries[s.Output]; return made })
	if len(steps) > 0 {
		if err := r.runHooks(ctx, hooksOf(steps, func(s plan.BinaryStep) []plan.HookStep { return s.Before })); err != nil {
			return nil, err
		}
		compiler := r.compiler()
		targets := make([]compile.Target, len(steps))
		for i, s := range steps {
			targets[i] = r.compileTarget(s)
			if s.Prebuilt != "" {
				targets[i].Prebuilt, targets[i].At = r.path(s.Prebuilt), s.Source
			}
		}
		results, err := compiler.Build(ctx, targets)
		if err != nil {
			return nil, err
		}
		for i, result := range results {
			s := steps[i]
			r.binaries[s.Output] = builtBinary{s, result.Digest, result.Size}
			r.report.add(Made{Kind: "binary", Name: s.Name, Platform: s.Platform, Path: s.Output, Digest: result.Digest.String(), Size: result.Size})
			r.note(ctx, r.binaryTarget(s), result.Cached)
		}
	}
	if err := r.runHooks(ctx, hooksOf(steps, func(s plan.BinaryStep) []plan.HookStep { return s.After })); err != nil {
		return nil, err
	}
	made := make([]builtBinary, len(wanted))
	for i, s := range wanted {
		made[i] = r.binaries[s.Output]
	}
	return made, nil
}

func (r *Release) compileTarget(s plan.BinaryStep) compile.Target {
	return compile.Target{
		Step: r.binaryTarget(s).stepName(), Name: s.Name, Package: s.Package, Dir: r.path(s.Module), Platform: s.Platform.Platform,
		Tags: s.Tags, Ldflags: s.Ldflags, Flags: s.Flags, Env: s.Env, Assert: s.Assert, Output: r.path(s.Output),
	}
}

func (r *Release) compiler() *compile.Compiler {
	o := compile.Options{
		Jobs: r.options.Jobs, Cache: filepath.Join(r.options.Cache, "compile"),
		Ignore: []string{r.path("dist")}, Offline: r.options.Offline,
	}
	if r.Config.Cache.Binaries && r.bench != nil {
		o.Shared = sharedBinaries{r.bench.Cache}
	}
	return compile.New(o)
}

// sharedBinaries keeps binaries in shared caches.
type sharedBinaries struct{ cache *store.Store }

// binaryKind is the kind of binaries in shared caches.
const binaryKind = "binary"

func (s sharedBinaries) Fetch(ctx context.Context, key, temp, output string) (place string, ok bool) {
	return s.cache.FetchFile(ctx, binaryKind, key, temp, output)
}

func (s sharedBinaries) Share(ctx context.Context, key, path string, b compile.Result) {
	s.cache.ShareFile(ctx, binaryKind, key, path, b.Digest, b.Size)
}

// A Made is a file or image that a run has made, or has found up to date.
type Made struct {
	// Kind is binary, image, index, archive, list, bundle, sbom, provenance, vex, checksums, signature or release.
	Kind     string          `json:"kind"`
	Name     string          `json:"name"`
	Platform images.Platform `json:"platform,omitzero"`
	// Ref is the tag of an image or index. Path is the path of a file, relative to the project.
	Ref  string `json:"ref,omitempty"`
	Path string `json:"path,omitempty"`
	// Subject is the path or tag of what an SBOM or a proof is about.
	Subject string `json:"subject,omitempty"`
	// Bases are the digests of the base images of an image, by their references in the Dockerfile, as far as they are known.
	Bases map[string]string `json:"bases,omitempty"`
	// Digest is the SHA-256 of a file, or of the manifest of an image.
	Digest string `json:"digest"`
	// Size is the size of a file, or of an image in a registry, in bytes.
	Size int64 `json:"size"`
}

// Where returns the tag of an image or index, the path of a file, or the address of a release.
func (m Made) Where() string {
	if m.Ref != "" {
		return m.Ref
	}
	return m.Path
}

// A madeKey identifies a file or image of a release.
type madeKey struct{ kind, where string }

func (m Made) key() madeKey { return madeKey{m.Kind, m.Where()} }
