package assemble

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"runtime"
	"time"

	"github.com/slipway-build/slipway/images/assemble/dockerfile"
	"github.com/slipway-build/slipway/images/fstree"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/buildfile"
	"github.com/slipway-build/slipway/progress"
)

// Options are what an Assembler works with.
type Options struct {
	// Layers makes layers and remembers them and the digests of files. If it can
	// also keep derived files, as *store.Store does, the indexes of base layers
	// and the downloads of ADD are kept there.
	Layers images.LayerStore
	// Sources yields base images; nil if there are none.
	Sources images.Source
	// Client fetches what ADD names by URL; nil is http.DefaultClient.
	Client *http.Client
	// BuildPlatform is what BUILDPLATFORM and its like say; empty is Linux on
	// this machine's architecture, as it is in Docker on every system.
	BuildPlatform v1.Platform
	// TempDir is where contents of compressed archives lie while a layer is
	// made of them; empty is os.TempDir.
	TempDir string
	// Limits bound what images, archives and downloads may unpack to.
	Limits Limits
}

// Limits bound what images, archives and downloads may unpack to.
type Limits = fstree.Limits

// An Assembler makes images from Dockerfiles that run nothing, in this process.
// It may be used by several goroutines.
type Assembler struct {
	layers  images.LayerStore
	sources images.Source
	client  *http.Client
	build   v1.Platform
	tempDir string
	limits  Limits
	indexer *fstree.Indexer
	derived fstree.DerivedStore // nil if layers is none
}

var _ images.Assembler = (*Assembler)(nil)

// New returns an Assembler.
func New(options Options) *Assembler {
	a := &Assembler{
		layers:  options.Layers,
		sources: options.Sources,
		client:  options.Client,
		build:   options.BuildPlatform,
		tempDir: options.TempDir,
		limits:  options.Limits.OrDefaults(),
	}
	a.derived, _ = options.Layers.(fstree.DerivedStore)
	a.indexer = fstree.NewIndexer(a.derived, options.Limits)
	if a.client == nil {
		a.client = http.DefaultClient
	}
	if a.build.OS == "" {
		a.build = v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	}
	return a
}

// Assemble makes the image of one Dockerfile for one platform. What the user's
// Dockerfile is at fault for is a *SourceError, or several of them joined.
func (a *Assembler) Assemble(ctx context.Context, build images.BuildContext) (img v1.Image, err error) {
	if build.Dockerfile == "" {
		build.Dockerfile = filepath.Join(build.Dir, "Dockerfile")
	}
	task := progress.Start(ctx, fmt.Sprintf("assemble %s %s", build.Dockerfile, images.FormatPlatform(build.Platform)))
	defer func() { task.Done(err) }()
	if err := build.Format.Validate(); err != nil {
		return nil, err
	}
	if build.Platform.OS == "" || build.Platform.Architecture == "" {
		return nil, errors.New("assembling an image: no platform is given")
	}
	build.Platform = images.Normalize(build.Platform)
	asm := &assembly{Assembler: a, build: build, task: task,
		stages: map[*dockerfile.Stage]*stage{}, contexts: map[string]*localContext{}}
	return asm.run(ctx)
}

// An assembly is one call of Assemble.
type assembly struct {
	*Assembler
	build images.BuildContext
	epoch time.Time
	task  *progress.Task
	graph *dockerfile.Graph
	// stages are the stages that have been looked at, with what they have become.
	stages map[*dockerfile.Stage]*stage
	// contexts are the folders that have been opened, by path.
	contexts map[string]*localContext
	// failed is the first filesError.
	failed error
	// scratch holds temporary files until the assembly ends.
	scratch scratchDir
}

func (asm *assembly) run(ctx context.Context) (v1.Image, error) {
	defer asm.scratch.remove()
	args := map[string]string{}
	if !asm.build.Epoch.IsZero() {
		args[buildfile.EpochArg] = fmt.Sprint(asm.build.Epoch.Unix())
	}
	maps.Copy(args, asm.build.Args)
	buildfile.WarnOfArgs(args, func(s buildfile.Steering) buildfile.Effect { return s.Embedded }, asm.task.Warn)
	file, err := buildfile.ReadDockerfile(asm.build.Dockerfile)
	if err != nil {
		return nil, err
	}
	if asm.graph, err = dockerfile.Read(file, asm.graphOptions(args)); err != nil {
		return nil, err
	}
	if err := asm.setEpoch(ctx); err != nil {
		return nil, err
	}
	if err := asm.graph.ReadStages(); err != nil {
		return nil, err
	}
	target, err := asm.graph.Target()
	if err != nil {
		return nil, err
	}
	// Before bases are looked for in a registry; their ONBUILD may bring more.
	if err := refuseProcesses(asm, asm.graph.Reachable(target)); err != nil {
		return nil, err
	}
	needed, err := asm.needed(ctx, target)
	if err != nil {
		return nil, err
	}
	if err := refuseProcesses(asm, needed); err != nil {
		return nil, err
	}
	for _, s := range needed {
		if err := asm.evaluate(ctx, asm.stage(s)); err != nil {
			return nil, err
		}
	}
	if found := asm.graph.Lint.Err(); len(found) > 0 {
		return nil, errors.Join(found...)
	}
	if asm.failed != nil {
		return nil, asm.failed
	}
	return asm.image(ctx, asm.stage(target))
}

func (asm *assembly) graphOptions(args map[string]string) dockerfile.ReadOptions {
	return dockerfile.ReadOptions{
		Platform: asm.build.Platform, BuildPlatform: asm.Assembler.build, Target: asm.build.Target,
		Args: args, Contexts: asm.build.Contexts, Warn: asm.task.Warn,
	}
}

// Reads says which files of its folders an image may be made from.
type Reads = dockerfile.Reads

// Reads finds out what build reads of its build context and of named contexts that are
// folders. It looks at the instructions that the target needs, for any builder, and asks
// no registry. Where the Dockerfile alone does not tell, because of a variable, a mount of
// RUN, or a base that may have ONBUILD triggers, the whole folder is read.
func (a *Assembler) Reads(build images.BuildContext) (dockerfile.Reads, error) {
	if build.Dockerfile == "" {
		build.Dockerfile = filepath.Join(build.Dir, "Dockerfile")
	}
	file, err := buildfile.ReadDockerfile(build.Dockerfile)
	if err != nil {
		return nil, err
	}
	g, err := dockerfile.Read(file, dockerfile.ReadOptions{
		Platform: images.Normalize(build.Platform), BuildPlatform: a.build, Target: build.Target,
		Args: build.Args, Contexts: build.Contexts, Warn: func(string) {},
	})
	if err != nil {
		return nil, err
	}
	return g.Reads(build.Dir)
}
