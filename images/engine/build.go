package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"runtime"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/tonistiigi/fsutil"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/buildfile"
	"github.com/slipway-build/slipway/images/engine/docker"
	"github.com/slipway-build/slipway/images/engine/ingest"
	"github.com/slipway-build/slipway/images/engine/session"
	"github.com/slipway-build/slipway/progress"
)

// A Builder builds images from Dockerfiles with the BuildKit of one engine. It may be used by
// several goroutines; each Assemble has its own connection.
type Builder struct {
	options       Options
	kind, address string
	connect       func(context.Context, Options) (*connection, error)
}

// Buildkit returns a builder that uses a buildkitd (0.11 or newer).
func Buildkit(o Options) *Builder {
	return &Builder{o, "BuildKit", o.buildkitAddress(), connectBuildkit}
}

// Docker returns a builder that uses the BuildKit inside a Docker Engine (20.10 or newer).
func Docker(o Options) *Builder {
	return &Builder{o, "Docker Engine", o.dockerOptions().Host(), connectDocker}
}

// String returns the kind and the address of the engine.
func (b *Builder) String() string { return b.kind + " at " + b.address }

// Assemble builds one Dockerfile for one platform.
func (b *Builder) Assemble(ctx context.Context, build images.BuildContext) (img v1.Image, err error) {
	if build.Dockerfile == "" {
		build.Dockerfile = filepath.Join(build.Dir, "Dockerfile")
	}
	task := progress.Start(ctx, fmt.Sprintf("build %s %s", build.Dockerfile, images.FormatPlatform(build.Platform)))
	defer func() { task.Done(err) }()
	task.SetWorker(b.address)
	if err := build.Format.Validate(); err != nil {
		return nil, err
	}
	if build.Platform.OS == "" || build.Platform.Architecture == "" {
		return nil, errors.New("building an image: missing platform")
	}
	build.Platform = images.Normalize(build.Platform)
	conn, err := b.connect(ctx, b.options)
	if err != nil {
		return nil, err
	}
	defer conn.close()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	if b.options.Patience > 0 {
		go conn.guard(ctx, b.options.Patience, end)
	}
	j := &job{
		options: b.options, build: build, conn: conn, task: task,
		epoch: time.Unix(0, 0).UTC(),
		bases: newBases(b.options.Sources, b.options.Store),
		watch: newWatch(build.Platform, b.address),
	}
	j.ingest = &ingest.Layers{Store: b.options.Store, Compression: build.Format.Compression}
	img, err = j.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("building %s for %s with %s: %w", build.Dockerfile, images.FormatPlatform(build.Platform), b, err)
	}
	task.SetDigest(img.Digest())
	return img, nil
}

// A job is one call of Assemble.
type job struct {
	options Options
	build   images.BuildContext
	conn    *connection
	task    *progress.Task
	file    *buildfile.Dockerfile
	// epoch is the timestamp of the image; the frontend determines it.
	epoch  time.Time
	bases  *bases
	ingest *ingest.Layers
	watch  *watch
	// temporary are the images of a Docker Engine with its own image store.
	temporary *docker.Temporary
	// converted is the frontend's conversion of the Dockerfile.
	converted *dockerfile2llb.Result
}

func (j *job) run(ctx context.Context) (v1.Image, error) {
	var err error
	buildfile.WarnOfArgs(j.build.Args, func(s buildfile.Steering) buildfile.Effect { return s.Engines }, j.task.Warn)
	if j.file, err = buildfile.ReadDockerfile(j.build.Dockerfile); err != nil {
		return nil, err
	}
	if err := j.checkVariables(runtime.GOOS == "windows"); err != nil {
		return nil, err
	}
	attrs, err := j.attributes()
	if err != nil {
		return nil, err
	}
	folders := &folders{byName: map[string]fsutil.FS{}, modes: j.build.Modes}
	if err := j.addContexts(attrs, folders); err != nil {
		return nil, err
	}
	attachables, err := session.Attachables(j.options.Secrets, j.options.SSH, j.options.Keychain)
	if err != nil {
		return nil, err
	}
	options := buildkit.SolveOpt{
		FrontendAttrs:       attrs,
		LocalMounts:         folders.byName,
		Session:             attachables,
		CacheExports:        cacheEntries(j.options.CacheTo),
		CacheImports:        cacheEntries(j.options.CacheFrom),
		AllowedEntitlements: j.options.Entitlements,
		SharedKey:           sharedKey(j.build.Dir),
	}
	solve := func(options buildkit.SolveOpt) (map[string]string, error) {
		response, err := j.solve(ctx, options)
		if err := errors.Join(folders.failed(), err); err != nil {
			return nil, err
		}
		return response.ExporterResponse, nil
	}
	if j.conn.classic {
		return j.buildInDocker(ctx, options, solve)
	}
	return j.buildInBuildkit(ctx, options, solve)
}

func cacheEntries(caches []session.Cache) []buildkit.CacheOptionsEntry {
	var all []buildkit.CacheOptionsEntry
	for _, c := range caches {
		// BuildKit's client writes to the attributes.
		all = append(all, buildkit.CacheOptionsEntry{Type: c.Type, Attrs: maps.Clone(c.Attrs)})
	}
	return all
}

// buildInBuildkit makes the engine send the image to us, blob by blob.
func (j *job) buildInBuildkit(ctx context.Context, options buildkit.SolveOpt, solve func(buildkit.SolveOpt) (map[string]string, error)) (v1.Image, error) {
	results := newResults(j.ingest, j.bases)
	// Wait for all writers, so that no layer is half-written on return.
	defer results.writing.Wait()
	options.OCIStores = map[string]content.Store{storeID: j.bases}
	options.Exports = []buildkit.ExportEntry{{
		Type: buildkit.ExporterOCI,
		Attrs: map[string]string{
			"tar": "false",
			// The layers are compressed here. The engine sends layers that it already has in another compression
			// unchanged.
			"compression":    "uncompressed",
			"oci-mediatypes": "true",
		},
		OutputStore: results,
	}}
	response, err := solve(options)
	if err != nil {
		return nil, err
	}
	digest, err := v1.NewHash(response[exptypes.ExporterImageDigestKey])
	if err != nil {
		return nil, fmt.Errorf("the engine did not report the digest of the image: %w", err)
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(results.json[digest]))
	if err != nil || manifest.Config.Digest == (v1.Hash{}) {
		return nil, fmt.Errorf("the engine built %s, which is not an image manifest", digest)
	}
	return j.image(results.json[manifest.Config.Digest], manifestLayers(manifest))
}

// exporterMoby is Docker Engine's name of the exporter to its own store.
const exporterMoby = "moby"

// buildInDocker makes the engine store the image under a name that is unique to this build, and fetches the layers that
// we do not have.
func (j *job) buildInDocker(ctx context.Context, options buildkit.SolveOpt, solve func(buildkit.SolveOpt) (map[string]string, error)) (v1.Image, error) {
	j.temporary = j.conn.docker.Temporary(j.watch.prefix, j.bases)
	tag := j.temporary.Reserve("build")
	defer func() {
		// A name that remains in the engine does not affect the image.
		if err := j.temporary.Remove(ctx); err != nil {
			j.task.Warn(err.Error())
		}
	}()
	options.Exports = []buildkit.ExportEntry{{Type: exporterMoby, Attrs: map[string]string{"name": tag}}}
	var config []byte
	var layers []v1.Hash
	err := docker.RetryRemoved(func() error {
		_, err := solve(options)
		return err
	}, func() (err error) {
		config, layers, err = j.conn.docker.Save(ctx, tag, j.watch.prefix+"save image", j.options.Store, j)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(layers) == 0 {
		if config, err = json.Marshal(j.exportConfig(j.converted.Image)); err != nil {
			return nil, err
		}
	}
	return j.image(config, layers)
}

// HasLayer implements docker.Layers. We have the engine's layer if it belongs to a base, or was converted before.
func (j *job) HasLayer(ctx context.Context, engines v1.Hash) (bool, error) {
	if l, err := j.bases.layer(engines); err != nil || l != nil {
		return l != nil, err
	}
	_, ok := j.ingest.Find(ctx, engines)
	return ok, nil
}

// AddLayer implements docker.Layers.
func (j *job) AddLayer(ctx context.Context, name string, tar io.Reader, digest func() v1.Hash) (v1.Hash, error) {
	return j.ingest.Add(ctx, name, tar, digest)
}

// solve runs the build. Its errors refer to the Dockerfile.
func (j *job) solve(ctx context.Context, options buildkit.SolveOpt) (*buildkit.SolveResponse, error) {
	statuses := make(chan *buildkit.SolveStatus)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		j.watch.follow(ctx, statuses)
	}()
	var frontendErr error
	response, err := j.conn.buildkit.Build(ctx, options, "slipway", recordError(j.convert, &frontendErr), statuses)
	<-watched
	if err != nil {
		return nil, j.explain(ctx, err, frontendErr)
	}
	return response, nil
}
