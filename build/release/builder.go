package release

import (
	"context"
	"errors"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
)

// ReleaseOptions say what a run does and where.
type Options struct {
	// Options say how; their Platforms and Builder narrow the plan.
	workbench.Options
	// Config is the path of slipway.yaml; empty means the nearest one upwards.
	Config string
	// Dist is the folder that everything is made in; empty means dist beside slipway.yaml.
	Dist string
	// OS narrows what is made to one operating system, if it is not empty; SkipWindows leaves Windows out.
	OS          string
	SkipWindows bool
	// GitHubToken lets publish write a release. GitHubAPI is the API's address, if it is not github.com's.
	GitHubToken, GitHubAPI string
	// Force lets publish replace what a destination already holds under the same tag.
	Force bool
	// Snapshot lets publish take a version without a tag, and a checkout with changes.
	Snapshot bool
}

// A Builder carries out a plan. Each step pulls what it needs and makes it once,
// so that several targets of one command share their work. What an earlier run
// made and still holds is not made again.
type Builder struct {
	Config *config.Config
	// Plan is what this run does; full is what the configuration says as a whole,
	// which dist/artifacts may hold from other runs.
	Plan *plan.Plan
	full *plan.Plan

	options Options
	bench   *workbench.Workbench
	folder  output.Folder
	layout  *store.Store

	binaries  map[string]builtBinary // by output
	images    parallel.Memo[v1.Image]
	indexes   parallel.Memo[v1.ImageIndex]
	report    report
	published report
}

// Open loads the configuration and plans. It makes nothing.
func Open(ctx context.Context, o Options) (*Builder, error) {
	file := o.Config
	if file == "" {
		var err error
		if file, err = config.Find("."); err != nil {
			return nil, usage.Wrap(err)
		}
	}
	loaded, err := config.Load(ctx, file, o.Getenv)
	if err != nil {
		return nil, usage.Wrap(err)
	}
	filter := plan.Filter{Platforms: o.Platforms, OS: o.OS, SkipWindows: o.SkipWindows, Builder: o.Builder}
	narrowed, err := plan.New(loaded, filter)
	if err != nil {
		return nil, usage.Wrap(err)
	}
	full, err := plan.New(loaded, plan.Filter{})
	if err != nil {
		return nil, usage.Wrap(err)
	}
	return &Builder{Config: loaded, Plan: narrowed, full: full, options: o, folder: output.Folder{Project: loaded.Dir, Dist: o.Dist}}, nil
}

// path returns the location of a path of the plan.
func (b *Builder) path(planned string) string { return b.folder.Path(planned) }

// relative returns a path of the plan for messages.
func (b *Builder) relative(planned string) string { return b.folder.Relative(planned) }

// open opens the cache and dist/oci, when the first step needs them.
func (b *Builder) open() error {
	if err := b.openBench(); err != nil || b.layout != nil {
		return err
	}
	layout, err := store.OpenOutput(b.path("dist/oci"))
	if err != nil {
		return fmt.Errorf("opening the image store: %w", err)
	}
	b.layout = layout
	return nil
}

// openBench opens the cache alone, for what makes nothing in dist.
func (b *Builder) openBench() error {
	if b.bench != nil {
		return nil
	}
	o := b.options.Options
	o.OwnRegistry, o.Registries = b.ownRegistry(), b.Config.HostSettings()
	bench, err := workbench.Open(o)
	b.bench = bench
	return err
}

// ownRegistry is the one that DOCKER_USERNAME and DOCKER_PASSWORD are for, which no
// other may see: the project's, or the only one that it publishes to.
func (b *Builder) ownRegistry() string {
	var hosts []string
	for _, d := range b.registryDestinations() {
		if !slices.Contains(hosts, d.Registry) {
			hosts = append(hosts, d.Registry)
		}
	}
	if len(hosts) == 1 {
		return hosts[0]
	}
	return b.Config.Registry
}

// Run does what a selection names. What is made is reported in dist/artifacts.json. What
// is damaged in the cache or in dist/oci is made or fetched anew, with a warning.
func (b *Builder) Run(ctx context.Context, s plan.Selection) error {
	lock, err := b.folder.Lock(ctx, s.Verb != "publish")
	if err != nil {
		return err
	}
	defer lock.Release()
	if s.Verb == "publish" {
		return b.publish(ctx, s.Parts)
	}
	b.folder.Sweep(b.full.Names())
	if err := b.open(); err != nil {
		return err
	}
	tried := false
	return store.Mend(ctx, func() error {
		if tried {
			// Their files may be gone.
			b.images, b.indexes = parallel.Memo[v1.Image]{}, parallel.Memo[v1.ImageIndex]{}
		}
		tried = true
		return b.run(ctx, s)
	})
}

func (b *Builder) run(ctx context.Context, s plan.Selection) error {
	steps := map[string]func(context.Context) error{
		"build binaries":  b.buildBinaries,
		"build images":    b.buildImages,
		"package airgap":  b.packageAirgap,
		"package bundles": b.packageBundles,
	}
	if s.Verb == "package" && slices.Contains(s.Parts, "bundles") {
		// At once, not first those that images read and then those of bundles.
		if err := b.buildBinaries(ctx); err != nil {
			return err
		}
	}
	for _, part := range plan.Verbs[s.Verb] {
		if !slices.Contains(s.Parts, part) {
			continue
		}
		if err := steps[s.Verb+" "+part](ctx); err != nil {
			return err
		}
	}
	if s.Verb == "package" {
		if err := b.writeChecksums(ctx); err != nil {
			return err
		}
	}
	if err := b.writeReport(); err != nil {
		return err
	}
	b.bench.Tidy(ctx)
	return nil
}

// Selected is the plan of what Run makes for a selection, or of what it publishes.
func (b *Builder) Selected(s plan.Selection) *plan.Plan {
	out := b.Plan.Select(s)
	if out.Binaries == nil && s.MakesImages() {
		out.Binaries = b.readByImages()
	}
	return out
}

// Close says that the builder is used no more. On Windows nothing that it holds can be
// removed before.
func (b *Builder) Close() error {
	var errs []error
	if b.bench != nil {
		errs = append(errs, b.bench.Close())
	}
	if b.layout != nil {
		errs = append(errs, b.layout.Close())
	}
	return errors.Join(errs...)
}

// Clean removes what was made in dist.
func (b *Builder) Clean(ctx context.Context) error {
	if b.layout != nil {
		b.layout.Close()
		b.layout = nil
	}
	return b.folder.Clean(ctx, b.full.Names())
}
