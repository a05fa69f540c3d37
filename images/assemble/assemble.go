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

// Options are the options of New. Layers is required.
type Options struct {
	// Layers makes layers and keeps them, along with the digests of files. If it is also
	// an fstree.DerivedStore, it keeps the indexes of base layers and the downloads of
	// ADD.
	Layers images.LayerStore
	// Sources provides the base images. If it is nil, only FROM scratch works.
	Sources images.Source
	// Client fetches the URLs of ADD; nil means http.DefaultClient.
	Client *http.Client
	// BuildPlatform is the value of BUILDPLATFORM and the variables derived from it.
	// Empty means Linux on the architecture of this machine, as in Docker on every
	// system.
	BuildPlatform v1.Platform
	// TempDir holds the files of compressed archives while a layer is built from them,
	// and downloads that cannot be kept. Empty means os.TempDir.
	TempDir string
	// Limits bound the size of images, archives and downloads.
	Limits Limits
}

// Limits bound the size of images, archives and downloads.
type Limits = fstree.Limits

// An Assembler builds images, in this process, from Dockerfiles that run nothing. It is
// safe for concurrent use.
type Assembler struct {
	layers  images.LayerStore
	sources images.Source
	client  *http.Client
	build   v1.Platform
	tempDir string
	limits  Limits
	indexer *fstree.Indexer
	derived fstree.DerivedStore // layers, or nil if it does not keep derived files
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

// Assemble builds the image of one Dockerfile for one platform. An error in the
// Dockerfile is a *buildfile.SourceError, or several of them joined. An instruction that
// needs a process, such as RUN, is an error that names the other builders.
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
	if img, err = asm.run(ctx); err == nil {
		task.SetDigest(img.Digest())
	}
	return img, err
}

// An assembly is one call of Assemble.
type assembly struct {
	*Assembler
	build images.BuildContext
	epoch time.Time
	task  *progress.Task
	graph *dockerfile.Graph
	// stages holds the state of each stage of the graph.
	stages map[*dockerfile.Stage]*stage
	// contexts holds the open context folders, by path.
	contexts map[string]*localContext
	// failed is the first filesError, with its location.
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
	// Check before asking a registry for bases, whose ONBUILD may add instructions.
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

// Reads are the files of contexts that an image may be made from.
type Reads = dockerfile.Reads

// Graph reads the Dockerfile of build, for any builder. It discards the warnings and
// contacts no registry.
func (a *Assembler) Graph(build images.BuildContext) (*dockerfile.Graph, error) {
	if build.Dockerfile == "" {
		build.Dockerfile = filepath.Join(build.Dir, "Dockerfile")
	}
	file, err := buildfile.ReadDockerfile(build.Dockerfile)
	if err != nil {
		return nil, err
	}
	return dockerfile.Read(file, dockerfile.ReadOptions{
		Platform: images.Normalize(build.Platform), BuildPlatform: a.build, Target: build.Target,
		Args: build.Args, Contexts: build.Contexts, Warn: func(string) {},
	})
}
