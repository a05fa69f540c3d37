package release

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/build/bundle"
	"github.com/slipway-build/slipway/build/compile"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/why"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/images/assemble"
	"github.com/slipway-build/slipway/images/buildfile"
	"github.com/slipway-build/slipway/internal/parallel"
)

// binary adds the inputs of a binary.
func (a *account) binary(ctx context.Context, s plan.BinaryStep) error {
	if err := a.AddSettings(decisiveBinary(s), "name"); err != nil {
		return err
	}
	if err := a.hooks(ctx, s.Before); err != nil {
		return err
	}
	if s.Prebuilt != "" {
		return a.file(ctx, &a.Inputs, a.r.path(s.Prebuilt), nil)
	}
	a.fetched(func(path string) bool {
		return path == s.Module || s.Module == "." || strings.HasPrefix(path, s.Module+"/")
	})
	a.Add(why.Tool, "go", a.r.compiler().Toolchain())
	dir := a.r.path(s.Module)
	versions, err := compile.Requirements(dir)
	if err != nil {
		versions = nil // go reports it; the digest of go.mod is an input, too
	}
	for module, version := range versions {
		a.Add(why.Module, module, version)
	}
	gowork := s.Env["GOWORK"]
	sources, err := a.r.sources.Do(ctx, dir+"\n"+gowork, func() ([]why.Input, error) { return a.r.sourcesOf(ctx, dir, gowork) })
	for _, source := range sources {
		a.files.Add(source.Kind, source.Name, source.Value)
	}
	return err
}

// image adds the inputs of an image.
func (a *account) image(ctx context.Context, s plan.ImageStep) error {
	if err := a.AddSettings(decisiveImage(s), "image"); err != nil {
		return err
	}
	a.release("SOURCE_DATE_EPOCH", a.r.Plan.Release.Epoch.UTC().Format(time.RFC3339))
	if err := a.hooks(ctx, s.Before); err != nil {
		return err
	}
	build := a.r.buildContext(s)
	text, err := buildfile.ReadDockerfile(build.Dockerfile)
	if err != nil {
		return err
	}
	a.Add(why.Dockerfile, a.r.inProject(text.Path), string(text.Data))
	graph, err := assemble.New(assemble.Options{}).Graph(build)
	if err != nil {
		return a.unread(err)
	}
	sources, err := graph.Sources(build.Dir)
	if err != nil {
		return a.unread(err)
	}
	files, err := why.ContextFiles(build, sources)
	if err != nil {
		return err
	}
	for _, f := range files {
		mode := fs.FileMode(f.Mode)
		if f.Link != "" {
			a.files.Add(why.File, a.r.inProject(f.Path), "-> "+f.Link)
		} else if err := a.file(ctx, &a.files, f.Path, &mode); err != nil {
			return err
		}
	}
	a.fetched(func(path string) bool { return sources.Has(a.r.path(path)) })
	// The builder has looked them up, unless it got them elsewhere: then they are unknown in the record, too.
	lookUp := a.record != nil && slices.ContainsFunc(a.record.Last.Inputs, func(in why.Input) bool { return in.Kind == why.Base })
	bases, err := a.r.basesOf(ctx, s, lookUp)
	for ref, digest := range bases {
		a.Add(why.Base, ref, digest)
	}
	return err
}

// unread returns the error for a Dockerfile that cannot be read, unless it could not be read before: another frontend may
// read it.
func (a *account) unread(err error) error {
	if a.record != nil && len(a.record.Last.Files) > 0 {
		return err
	}
	return nil
}

// basesOf returns the digests of the base images of an image, by their references in the Dockerfile: those that its
// builder has looked up or, with lookUp, all. Those of a Dockerfile for another frontend are unknown.
func (r *Release) basesOf(ctx context.Context, s plan.ImageStep, lookUp bool) (map[string]string, error) {
	graph, err := assemble.New(assemble.Options{}).Graph(r.buildContext(s))
	if err != nil {
		return nil, nil
	}
	bases, err := graph.BaseImages()
	if err != nil {
		return nil, nil
	}
	found, own := map[string]string{}, r.full.Names()
	for _, b := range bases {
		if ref, err := images.ParseReference(b.Ref); err == nil && own[images.Qualified(ref)] {
			continue // another step makes it
		}
		if digest, ok := r.bench.Bases.Digest(b.Ref, b.Platform); ok {
			found[b.Ref] = digest.String()
		} else if lookUp {
			image, err := r.bench.Bases.Image(ctx, b.Ref, b.Platform)
			if err != nil {
				return nil, err
			}
			digest, err := image.Digest()
			if err != nil {
				return nil, err
			}
			found[b.Ref] = digest.String()
		}
	}
	return found, nil
}

func (a *account) release(name, value string) {
	if value != "" {
		a.Add(why.Release, name, value)
	}
}

// archive adds the inputs of an archive. content has its images while a run makes it.
func (a *account) archive(ctx context.Context, s plan.ArchiveStep, content []pack.Image) error {
	if err := a.AddSettings(s, "list", "images"); err != nil {
		return err
	}
	if key := a.r.sbomKey(s); key != nil {
		if err := a.AddSettings(key, "Formats"); err != nil {
			return err
		}
	}
	if a.r.provesArchives() {
		a.release("version", a.r.Plan.Release.Version)
		a.release("commit", a.r.Plan.Release.Commit)
	}
	signedBy, err := a.r.signedBy(ctx)
	if err != nil {
		return err
	}
	if signedBy != "" {
		a.Add(why.Tool, "signer", signedBy)
	}
	a.Add(why.Tool, "format of archives", fmt.Sprint(archiveVersion))
	digests, err := a.r.digestsOf(ctx, s, content)
	if err != nil {
		return err
	}
	var order strings.Builder
	for i, image := range s.Images {
		kind := why.Image
		if image.Own != "" {
			kind = why.Made
		}
		if name := image.Names[0]; image.Own != "" {
			a.Add(kind, image.Own, digests[i])
		} else {
			a.Add(kind, name, digests[i])
		}
		if len(image.Names) > 1 {
			a.Add(why.Setting, "more names of "+image.Names[0], strings.Join(image.Names[1:], " "))
		}
		fmt.Fprintln(&order, image.Names)
	}
	a.Add(why.Order, "images", digestOf([]byte(order.String())))
	return nil
}

// digestsOf returns the digests of the images of an archive. Without content, it looks up those of other projects, and
// takes own ones from dist; one that is missing there has none.
func (r *Release) digestsOf(ctx context.Context, s plan.ArchiveStep, content []pack.Image) ([]string, error) {
	digests := make([]string, len(s.Images))
	if content == nil {
		others := s
		others.Images = slices.DeleteFunc(slices.Clone(s.Images), func(i plan.ArchiveImage) bool { return i.Own != "" })
		found, err := r.archiveImages(ctx, others, &parallel.Memo[pack.Image]{})
		if err != nil {
			return nil, err
		}
		for i, image := range s.Images {
			if image.Own != "" {
				digests[i] = r.ownDigest(ctx, image.Own)
				continue
			}
			digest, err := found[0].Image.Digest()
			if err != nil {
				return nil, err
			}
			digests[i], found = digest.String(), found[1:]
		}
		return digests, nil
	}
	for i, c := range content {
		digest, err := c.Image.Digest()
		if err != nil {
			return nil, err
		}
		digests[i] = digest.String()
	}
	return digests, nil
}

// ownDigest returns the digest of an own image in dist, or "".
func (r *Release) ownDigest(ctx context.Context, ref string) string {
	if r.layout == nil {
		return ""
	}
	d, err := r.layout.Lookup(ref)
	if err != nil {
		return ""
	}
	return d.Digest.String()
}

// bundle adds the inputs of a bundle.
func (a *account) bundle(ctx context.Context, s plan.BundleStep) error {
	if err := a.AddSettings(s, "name"); err != nil {
		return err
	}
	of := a.r.Plan.Release
	a.release("version", of.Version)
	a.release("commit", of.Commit)
	a.release("checkout", state(of))
	a.release("SOURCE_DATE_EPOCH", of.Epoch.UTC().Format(time.RFC3339))
	a.Add(why.Tool, "format of bundles", fmt.Sprint(bundleVersion))
	var files []bundle.File
	for _, f := range s.Files {
		files = append(files, a.r.bundleFile(f))
		a.fetched(func(path string) bool { return path == f.Source || strings.HasPrefix(path, f.Source+"/") })
	}
	packed, err := bundle.Contents(a.r.path("dist/artifacts/bundle"), files)
	if err != nil && a.record == nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Package.Scripts)) {
		packed = append(packed, bundle.Content{Source: a.r.path(s.Package.Scripts[name])})
	}
	for _, c := range packed {
		switch {
		case c.Link != "":
			a.files.Add(why.File, c.Path, "-> "+c.Link)
		case c.Source != "":
			if err := a.file(ctx, &a.files, c.Source, &c.Mode); err != nil {
				return err
			}
		}
	}
	return nil
}
