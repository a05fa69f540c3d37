package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/lock"
	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/build/why"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/build/workbench/caches"
	"github.com/slipway-build/slipway/images/attest/sbom"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// Options specify a run.
type Options struct {
	// Options specify how images are made. Platforms and Builder narrow the plan.
	workbench.Options
	// Config is the path of slipway.yaml. Empty means the one in Project.
	Config string
	// Project is the folder of slipway.yaml. Empty means the nearest folder with that file: the current one or one
	// above.
	Project string
	// Set contains texts NAME=VALUE, which override variables of slipway.yaml.
	Set []string
	// Dist is the output folder. Empty means dist beside slipway.yaml.
	Dist string
	// OS, if it is not empty, narrows the plan to one operating system. SkipWindows omits Windows.
	OS          string
	SkipWindows bool
	// GitHubToken is the token with which publish writes a release. GitHubAPI is the address of the API; empty means
	// that of github.com.
	GitHubToken, GitHubAPI string
	// Locked uses the digests of slipway.lock instead of the tags of lists and base images. A tag without an entry is
	// an error.
	Locked bool
	// Force lets publish replace existing content of a destination under the same tag.
	Force bool
	// Version is that of Slipway, for provenance; empty means that of the module in this program.
	Version string
	// Signatures, unless it is empty, is a folder with signatures of archives; see KeepSignatures. A signed release is then
	// made without its key: archives get the signatures in the folder, and nothing else gets any.
	Signatures string
	// Record is the path of a file to which Recorded writes the record of the run, or empty.
	Record string
	// Snapshot lets publish send a version without a git tag, and a checkout with changes.
	Snapshot bool
}

// A Release carries out a plan; see the package. It can carry out several verbs, which share their results.
type Release struct {
	Config *config.Config
	// Plan is the plan of this run. full is the plan of the whole configuration; dist may have artifacts of other runs.
	Plan *plan.Plan
	full *plan.Plan

	options Options
	shares  bool // use shared caches: the run makes something
	bench   *workbench.Workbench
	folder  output.Folder
	layout  *store.Store
	tags    pendingTags

	targeted  []plan.BinaryStep      // requested binaries; nil means those of Plan
	binaries  map[string]builtBinary // by output
	hooked    map[string]bool        // hooks that have run, by their hash
	images    parallel.Memo[v1.Image]
	indexes   parallel.Memo[v1.ImageIndex]
	earlier   parallel.Memo[earlierImages] // read once, so the key is always empty
	origins   origins
	signer    parallel.Memo[*proof.Signing]
	catalog   *sbom.Catalog // opened with bench
	contents  contents
	sources   parallel.Memo[[]why.Input] // of modules, for why
	lock      *lock.File                 // nil if tags are not locked
	sums      parallel.Memo[v1.Hash]     // of files that verify has read, by location
	stamps    sync.Map                   // of artifacts that an earlier run has made, by path: string
	steps     sync.Map                   // that this process has made or found up to date, by name: record.Step
	report    report
	published report
}

// Open loads the configuration and makes the plan. It makes nothing in dist.
func Open(ctx context.Context, o Options) (*Release, error) {
	file, err := o.configFile()
	if err != nil {
		return nil, usage.Wrap(err)
	}
	loaded, err := config.Load(ctx, file, o.Getenv, o.Set...)
	if err != nil {
		return nil, usage.Wrap(err)
	}
	filter := plan.Filter{Platforms: o.Platforms, OS: o.OS, SkipWindows: o.SkipWindows, Builder: o.Builder}
	narrowed, err := plan.New(loaded, filter)
	if err != nil {
		return nil, usage.Wrap(err)
	}
	full := narrowed
	if len(filter.Platforms) > 0 || filter.OS != "" || filter.SkipWindows || filter.Builder != "" {
		if full, err = plan.New(loaded, plan.Filter{}); err != nil {
			return nil, usage.Wrap(err)
		}
	}
	return &Release{Config: loaded, Plan: narrowed, full: full, options: o, folder: output.Folder{Project: loaded.Dir, Dist: o.Dist}}, nil
}

// configFile returns the path of slipway.yaml.
func (o Options) configFile() (string, error) {
	switch {
	case o.Config != "":
		return o.Config, nil
	case o.Project != "":
		return config.InFolder(o.Project)
	}
	return config.Find(".")
}

// Warn reports the warnings of the configuration.
func (r *Release) Warn(ctx context.Context) {
	for _, warning := range r.Config.Warnings {
		progress.Warn(ctx, warning)
	}
}

// path returns the location on disk of a path of the plan.
func (r *Release) path(planned string) string { return r.folder.Path(planned) }

// relative returns a path of the plan for messages.
func (r *Release) relative(planned string) string { return r.folder.Relative(planned) }

// open opens the cache and dist/oci, before the first step that needs them.
func (r *Release) open() error {
	if err := r.openBench(); err != nil || r.layout != nil {
		return err
	}
	layout, err := store.OpenOutput(r.path("dist/oci"))
	if err != nil {
		return fmt.Errorf("opening the image store: %w", err)
	}
	r.layout = layout
	return nil
}

// openBench opens only the cache, for runs that make nothing in dist.
func (r *Release) openBench() error {
	if r.bench != nil {
		return nil
	}
	o := r.options.Options
	o.OwnRegistry, o.Registries, o.Credentials = r.ownRegistry(), r.Config.HostSettings(), r.credentials()
	o.Shared = caches.Shared{} // what verifies, merges or publishes makes nothing to share
	if r.shares {
		o.Shared = r.sharedCache()
	}
	if r.lock != nil {
		o.Pin = r.pin()
	}
	bench, err := workbench.Open(o)
	if err == nil {
		r.bench, r.catalog = bench, bench.Catalog()
		r.catalog.Programs = &sbom.Programs{}
	}
	return err
}

// OpenWorkbench opens the cache with the settings of the project. The caller closes the release.
func (r *Release) OpenWorkbench() (*workbench.Workbench, error) {
	r.shares = true
	if err := r.openBench(); err != nil {
		return nil, err
	}
	return r.bench, nil
}

// sharedCache returns the shared caches: those of flags and the environment, or else those of slipway.yaml.
func (r *Release) sharedCache() caches.Shared {
	s, c := r.options.Shared, r.Config.Cache
	if len(s.From.Texts) == 0 {
		s.From = caches.Places{Texts: c.From, Dir: r.Config.Dir}
	}
	if len(s.To.Texts) == 0 {
		s.To = caches.Places{Texts: c.To, Dir: r.Config.Dir}
	}
	if s.PublicKey == "" && s.Key == "" {
		s.PublicKey, s.Key, s.Password = r.keyPath(c.PublicKey), r.keyPath(c.Key), c.Password
	}
	return s
}

// ownRegistry returns the registry that receives DOCKER_USERNAME and DOCKER_PASSWORD. It is the only one to which the
// release is published, or else the project's.
func (r *Release) ownRegistry() string {
	var hosts []string
	for _, d := range r.registryDestinations() {
		if !slices.Contains(hosts, d.Registry) {
			hosts = append(hosts, d.Registry)
		}
	}
	if len(hosts) == 1 {
		return hosts[0]
	}
	return r.Config.Registry
}

// Run carries out a selection, and reports its results in dist/artifacts.json. Damaged content of the cache or of
// dist/oci is made or fetched again, with a warning.
func (r *Release) Run(ctx context.Context, s plan.Selection) error {
	lock, err := r.folder.Lock(ctx, s.Verb != "publish")
	if err != nil {
		return err
	}
	defer lock.Release()
	r.Warn(ctx)
	if s.Verb == "publish" {
		return r.publish(ctx, s.Parts)
	}
	r.shares = true
	r.folder.Sweep(r.full.Names())
	if err := r.openLock(); err != nil {
		return err
	}
	if err := r.open(); err != nil {
		return err
	}
	if err := r.openKey(ctx, r.Selected(s)); err != nil {
		return err
	}
	tried := false
	return store.Mend(ctx, func() error {
		if tried {
			// The files of these images may have been removed.
			r.images, r.indexes = parallel.Memo[v1.Image]{}, parallel.Memo[v1.ImageIndex]{}
		}
		tried = true
		return r.run(ctx, s)
	})
}

func (r *Release) run(ctx context.Context, s plan.Selection) error {
	steps := map[string]func(context.Context) error{
		"build binaries":  r.buildTargeted,
		"build images":    r.buildImages,
		"package airgap":  r.packageAirgap,
		"package bundles": r.packageBundles,
	}
	if err := r.fetch(ctx); err != nil {
		return err
	}
	if err := r.runHooks(ctx, r.Plan.Before); err != nil {
		return err
	}
	if err := r.releaseVEX(ctx); err != nil {
		return err
	}
	if s.Verb == "package" && slices.Contains(s.Parts, "bundles") {
		// Compile all binaries at once, rather than the binaries that images read first.
		if err := r.buildBinaries(ctx); err != nil {
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
		if err := r.writeSBOMs(ctx, func(s plan.SBOMStep) bool { return !isSBOMOfImage(s) }); err != nil {
			return err
		}
	}
	if err := r.prove(ctx, plan.Proof.IsArtifact); err != nil {
		return err
	}
	if s.Verb == "package" {
		if err := errors.Join(r.writeChecksums(ctx), r.sign(ctx)); err != nil {
			return err
		}
	}
	if err := r.writeReport(); err != nil {
		return err
	}
	if err := r.runHooks(ctx, r.Plan.After); err != nil {
		return err
	}
	r.bench.Tidy(ctx)
	return nil
}

// Target narrows Plan to the targets of a selection. It returns the selection of the parts that make them, for Run and
// Selected.
func (r *Release) Target(s plan.Selection) (plan.Selection, error) {
	narrowed, selection, binaries, err := r.Plan.Narrow(s)
	if err != nil {
		return s, err
	}
	r.Plan, r.targeted = narrowed, binaries
	return selection, nil
}

// Selected returns the plan of what Run makes, or publishes, for a selection.
func (r *Release) Selected(s plan.Selection) *plan.Plan {
	out := r.Plan.Select(s)
	if r.targeted != nil && s.Verb == "build" && out.Binaries != nil {
		out.Binaries = slices.Clone(r.targeted)
	}
	if (out.Binaries == nil || s.IsNarrow()) && s.MakesImages() {
		for _, b := range r.readByImages(r.Plan.Images) {
			if !slices.ContainsFunc(out.Binaries, func(have plan.BinaryStep) bool { return have.Output == b.Output }) {
				out.Binaries = append(out.Binaries, b)
			}
		}
	}
	return out
}

// Close closes everything that the Release has opened. On Windows, open files cannot be removed.
func (r *Release) Close() error {
	var errs []error
	if r.bench != nil {
		errs = append(errs, r.bench.Close())
	}
	if r.layout != nil {
		errs = append(errs, r.layout.Close())
	}
	return errors.Join(errs...)
}

// Clean removes what was made in dist.
func (r *Release) Clean(ctx context.Context) error {
	if r.layout != nil {
		r.layout.Close()
		r.layout = nil
	}
	return r.folder.Clean(ctx, r.full.Names())
}
