package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/buildfile"
	"github.com/slipway-build/slipway/images/engine/docker"
)

// A frontend sits between BuildKit's Dockerfile frontend, which runs in this process, and the
// engine. It resolves bases here, and removes from each step what depends on the engine or the
// clock.
type frontend struct {
	gateway.Client
	job *job
}

// convert converts the Dockerfile to steps and has the engine run them.
func (j *job) convert(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
	f := &frontend{Client: c, job: j}
	ui, err := dockerui.NewClient(f)
	if err != nil {
		return nil, err
	}
	file, err := ui.ReadEntrypoint(ctx, "Dockerfile")
	if err != nil {
		return nil, err
	}
	syntax := j.build.Args[buildfile.SyntaxArg]
	var where []parser.Range
	if syntax == "" {
		syntax, _, where, _ = parser.DetectSyntax(file.Data)
	}
	if syntax != "" && !isDockerfileSyntax(syntax) {
		return nil, parser.WithLocation(fmt.Errorf(
			"syntax=%s is a separate frontend, which would resolve bases by itself; only docker/dockerfile is built in", syntax), where)
	}
	platform := ociPlatform(j.build.Platform)
	converted, err := dockerfile2llb.Dockerfile2LLB(ctx, file.Data, dockerfile2llb.ConvertOpt{
		Config:         ui.Config,
		Client:         ui,
		SourceMap:      file.SourceMap,
		MetaResolver:   f,
		TargetPlatform: &platform,
		Warn:           j.warn,
	})
	if err != nil {
		return nil, err
	}
	j.converted = converted
	if converted.Epoch != nil {
		j.epoch = time.Unix(converted.Epoch.Unix(), 0).UTC()
	}
	j.ingest.Epoch = j.epoch
	if err := j.checkBase(converted.BaseImage); err != nil {
		return nil, err
	}
	definition, err := converted.State.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	solved, err := f.Solve(ctx, gateway.SolveRequest{Definition: definition.ToPB(), CacheImports: ui.CacheImports})
	if err != nil {
		return nil, err
	}
	ref, err := solved.SingleRef()
	if err != nil {
		return nil, err
	}
	result := gateway.NewResult()
	result.SetRef(ref)
	config, err := json.Marshal(j.exportConfig(converted.Image))
	if err != nil {
		return nil, err
	}
	result.AddMeta(exptypes.ExporterImageConfigKey, config)
	return result, nil
}

// warn shows a finding of BuildKit's checks, worded as in the embedded builder.
func (j *job) warn(rule, _, _, message string, location []parser.Range) {
	at := j.file.Path
	if len(location) > 0 {
		at = fmt.Sprintf("%s:%d", at, location[0].Start.Line)
	}
	j.task.Warn(fmt.Sprintf("%s: %s (check %s)", at, message, rule))
}

// isDockerfileSyntax reports whether ref is BuildKit's own frontend, which is built in.
func isDockerfileSyntax(ref string) bool {
	ref, _, _ = strings.Cut(strings.TrimSpace(ref), " ")
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return false
	}
	name := reference.TrimNamed(named).Name()
	return name == "docker.io/docker/dockerfile" || name == "docker.io/docker/dockerfile-upstream"
}

// exportConfig returns the config that the engine exports. Its times are fixed, so that the same
// build produces the same image in Docker Engine's store. For an engine whose own store refuses
// images of another operating system, the operating system is Linux: the engine only has to store
// the layers, and the final config is ours.
func (j *job) exportConfig(config *dockerspec.DockerOCIImage) *dockerspec.DockerOCIImage {
	c := *config
	created := j.epoch
	c.Created = &created
	c.History = append([]ocispec.History(nil), config.History...)
	for i := range c.History {
		if c.History[i].Created == nil {
			c.History[i].Created = &created
		}
	}
	if j.conn.classic && c.OS != "linux" {
		c.OS, c.OSVersion, c.OSFeatures = "linux", "", nil
	}
	return &c
}

// ResolveImageConfig resolves a base with our sources, without a request to the engine.
func (f *frontend) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	platform := f.job.build.Platform
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		platform = ggcrPlatform(*opt.ImageOpt.Platform)
	}
	base, err := f.job.bases.resolve(ctx, ref, platform)
	if err != nil {
		return "", "", nil, fmt.Errorf("%w%s", err, buildfile.NoSuchName(ref))
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", "", nil, err
	}
	pinned, err := reference.WithDigest(reference.TagNameOnly(named), digest.Digest(base.digest.String()))
	if err != nil {
		return "", "", nil, err
	}
	return pinned.String(), pinned.Digest(), base.config, nil
}

// ResolveSourceMetadata is the newer form of ResolveImageConfig.
func (f *frontend) ResolveSourceMetadata(ctx context.Context, op *pb.SourceOp, opt sourceresolver.Opt) (*sourceresolver.MetaResponse, error) {
	ref, ok := strings.CutPrefix(op.Identifier, "docker-image://")
	if opt.ImageOpt == nil && (ok || strings.HasPrefix(op.Identifier, "local://")) {
		// Only the time of the source is requested. Older engines do not support the request.
		f.job.task.Warn(buildfile.TimelessEpoch)
		return &sourceresolver.MetaResponse{Op: op}, nil
	}
	if !ok {
		return f.Client.ResolveSourceMetadata(ctx, op, opt)
	}
	pinned, d, config, err := f.ResolveImageConfig(ctx, ref, opt)
	if err != nil {
		return nil, err
	}
	return &sourceresolver.MetaResponse{
		Op:    &pb.SourceOp{Identifier: "docker-image://" + pinned, Attrs: op.Attrs},
		Image: &sourceresolver.ResolveImageResponse{Digest: d, Config: config},
	}, nil
}

// Solve passes steps to the engine after adjusting them.
func (f *frontend) Solve(ctx context.Context, request gateway.SolveRequest) (*gateway.Result, error) {
	if request.Definition != nil {
		caps := f.BuildOpts().LLBCaps
		settled, err := rewrite(request.Definition, func(op *pb.Op, inputs []*pb.Op) error {
			settleTimes(op, inputs)
			if runtime.GOOS == "windows" {
				fixHostPaths(op)
			}
			if err := f.job.refuseUnknown(op, inputs, abilities{&caps, f.job.conn.version}); err != nil {
				return err
			}
			return f.handBase(ctx, op)
		})
		if err != nil {
			return nil, err
		}
		f.job.watch.know(settled)
		request.Definition = settled
	}
	return f.Client.Solve(ctx, request)
}

// handBase changes a step that reads a base, so that the engine reads the base from us.
func (f *frontend) handBase(ctx context.Context, op *pb.Op) error {
	source := op.GetSource()
	ref, ok := strings.CutPrefix(source.GetIdentifier(), "docker-image://")
	if !ok {
		return nil
	}
	_, d, _ := strings.Cut(ref, "@")
	base := f.job.bases.withDigest(d)
	if base == nil {
		return fmt.Errorf("the image %s was not resolved", ref)
	}
	if f.job.conn.classic {
		tag, platform, err := f.job.temporary.Load(ctx, docker.Base{Name: base.name, Digest: base.digest, Config: base.config, Image: base.image})
		if err != nil {
			return fmt.Errorf("loading %s into Docker Engine: %w", base.name, err)
		}
		// The engine finds its own image only if the step requests its platform.
		op.Platform = &pb.Platform{OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant}
		source.Identifier = "docker-image://" + tag
		source.Attrs = map[string]string{pb.AttrImageResolveMode: pb.AttrImageResolveModePreferLocal}
		return nil
	}
	source.Identifier = "oci-layout://" + ref
	source.Attrs = map[string]string{
		pb.AttrOCILayoutSessionID: f.BuildOpts().SessionID,
		pb.AttrOCILayoutStoreID:   storeID,
	}
	return nil
}

// ociPlatform and ggcrPlatform convert a platform between two libraries.
func ociPlatform(p v1.Platform) ocispec.Platform {
	return platforms.Normalize(ocispec.Platform{
		OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures,
	})
}

func ggcrPlatform(p ocispec.Platform) v1.Platform {
	return v1.Platform{
		OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures,
	}
}

// attributes returns the options of the frontend.
func (j *job) attributes() (map[string]string, error) {
	attrs := map[string]string{
		"filename": sentDockerfile,
		"target":   j.build.Target,
		// FormatAll includes os.version; go-containerregistry's format would not do.
		"platform": platforms.FormatAll(ociPlatform(j.build.Platform)),
	}
	if j.build.NoCache {
		attrs["no-cache"] = ""
	}
	if !j.build.Epoch.IsZero() {
		attrs["build-arg:"+buildfile.EpochArg] = fmt.Sprint(j.build.Epoch.Unix())
	}
	for k, v := range j.build.Args {
		attrs["build-arg:"+k] = v
	}
	for k, v := range j.build.Labels {
		attrs["label:"+k] = v
	}
	return attrs, nil
}
