package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
)

// registryDestinations are the destinations for images.
func (b *Builder) registryDestinations() []Destination {
	return slices.DeleteFunc(slices.Clone(b.Plan.Destinations), func(d Destination) bool { return d.Registry == "" })
}

// artifactDestinations are those for files.
func (b *Builder) artifactDestinations() []Destination {
	return slices.DeleteFunc(slices.Clone(b.Plan.Destinations), func(d Destination) bool { return d.Registry != "" })
}

// at is a tag of the plan as a destination has it.
func (b *Builder) at(d Destination, ref string) string {
	own := b.Config.Registry + "/" + b.Config.Repository + "/"
	return d.Registry + "/" + d.Repository + "/" + strings.TrimPrefix(ref, own)
}

// publishImages pushes every image to its per-platform tag, at every destination.
// They are built if need be: an image that is up to date is the one that was
// packaged, bit for bit.
func (b *Builder) publishImages(ctx context.Context) error {
	if err := b.buildImages(ctx); err != nil {
		return err
	}
	if err := b.checkPackaged(ctx); err != nil {
		return err
	}
	type job struct {
		ref  string
		what any
		made Made
	}
	var jobs []job
	for _, d := range b.registryDestinations() {
		for _, step := range b.Plan.Images {
			image, err := b.image(ctx, step)
			if err != nil {
				return err
			}
			jobs = append(jobs, job{b.at(d, step.Ref), image, Made{Kind: "image", Name: step.Image, Platform: step.Platform}})
		}
	}
	push := func(jobs []job) error {
		return each(ctx, len(jobs), max(b.settings.Jobs, minTransfers), func(i int) error {
			return b.push(ctx, jobs[i].ref, jobs[i].what, jobs[i].made)
		})
	}
	if err := push(jobs); err != nil {
		return err
	}
	// The Windows tags are indexes of what is there now. Where this run makes only
	// some of the versions, the tag is left to publishIndexes.
	jobs = nil
	for _, d := range b.registryDestinations() {
		for _, step := range b.Plan.Indexes {
			whole, _ := b.full.indexStep(step.Ref)
			if step.Platform == nil || len(step.Members) < len(whole.Members) {
				continue
			}
			index, err := b.index(ctx, step)
			if err != nil {
				return err
			}
			jobs = append(jobs, job{b.at(d, step.Ref), index, Made{Kind: "index", Name: step.Image, Platform: *step.Platform}})
		}
	}
	return push(jobs)
}

// push pushes one image or index, and reports where it went.
func (b *Builder) push(ctx context.Context, ref string, what any, made Made) error {
	parsed, err := images.ParseReference(ref)
	if err != nil {
		return err
	}
	d, err := b.bench.registry.Push(ctx, parsed, what)
	if err != nil {
		return err
	}
	made.Ref, made.Digest, made.Size = images.Qualified(parsed), d.Digest.String(), d.Size
	if image, ok := what.(v1.Image); ok {
		if made.Size, err = imageSize(image); err != nil {
			return err
		}
	}
	b.published.add(made)
	return nil
}

// checkPackaged refuses to publish other images than those that the archives in
// dist/artifacts hold under the same names.
func (b *Builder) checkPackaged(ctx context.Context) error {
	return each(ctx, len(b.Plan.Archives), b.settings.Jobs, func(i int) error {
		step := b.Plan.Archives[i]
		var errs []error
		for _, output := range step.Outputs {
			if len(b.filesOf(output)) > 0 {
				errs = append(errs, b.checkArchive(ctx, output, step.Images))
			}
		}
		return errors.Join(errs...)
	})
}

func (b *Builder) checkArchive(ctx context.Context, output string, planned []ArchiveImage) error {
	archive, err := airgap.Open(ctx, b.path(output))
	if err != nil {
		return err
	}
	defer archive.Close()
	packed, err := archive.Images(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range planned {
		step, ok := b.imageStep(p.Own)
		if !ok {
			continue
		}
		ref, err := images.ParseReference(p.Names[0])
		if err != nil {
			return err
		}
		// Archives of other releases have other names in them.
		n := slices.IndexFunc(packed, func(i *airgap.PackedImage) bool { return slices.Contains(i.Names, images.Qualified(ref)) })
		if n < 0 {
			continue
		}
		image, err := b.image(ctx, step)
		if err != nil {
			return err
		}
		// Layers may lie in it uncompressed, so manifests differ; configs do not.
		id, err := image.ConfigName()
		if err != nil {
			return err
		}
		if id != packed[n].ID {
			errs = append(errs, fmt.Errorf("image %s has the config %s now, and %s holds %s: run package again before publish",
				step.Ref, id, b.relative(output), packed[n].ID))
		}
	}
	return errors.Join(errs...)
}

// publishIndexes assembles the tags of Windows and the multi-OS tags of what
// destinations hold: each platform, and each Windows version, may have been pushed by
// another machine.
func (b *Builder) publishIndexes(ctx context.Context) error {
	type job struct {
		destination Destination
		step        IndexStep
	}
	var jobs []job
	done := map[string]bool{} // by publishImages
	for _, m := range b.published.sorted() {
		done[m.Ref] = true
	}
	for _, d := range b.registryDestinations() {
		// All platforms of the release, whatever this run was narrowed to.
		for _, step := range b.full.Indexes {
			ref, err := images.ParseReference(b.at(d, step.Ref))
			if err != nil {
				return err
			}
			if !done[images.Qualified(ref)] {
				jobs = append(jobs, job{d, step})
			}
		}
	}
	return each(ctx, len(jobs), max(b.settings.Jobs, minTransfers), func(i int) error {
		d, step := jobs[i].destination, jobs[i].step
		members := b.full.leaves(step)
		entries := make([]images.IndexEntry, len(members))
		err := each(ctx, len(members), minTransfers, func(n int) error {
			ref := b.at(d, members[n])
			found, err := b.bench.resolve(ctx, ref)
			if err != nil {
				return fmt.Errorf("index %s: %w", b.at(d, step.Ref), err)
			}
			entries[n] = images.IndexEntry{Name: ref, Image: found.image, Index: found.index}
			return nil
		})
		if err != nil {
			return err
		}
		index, err := images.NewIndex(entries, step.Annotations)
		if err != nil {
			return fmt.Errorf("index %s: %w", b.at(d, step.Ref), err)
		}
		made := Made{Kind: "index", Name: step.Image}
		if step.Platform != nil {
			made.Platform = *step.Platform
		}
		return b.push(ctx, b.at(d, step.Ref), index, made)
	})
}

// publishArtifacts brings dist/artifacts, which package has written, to folders,
// registries and GitHub.
func (b *Builder) publishArtifacts(ctx context.Context) error {
	destinations := b.artifactDestinations()
	if len(destinations) == 0 {
		return nil
	}
	files, err := b.packaged(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range destinations {
		var err error
		switch {
		case d.Directory != "":
			if err = release.Copy(ctx, b.path(d.Directory), files); err == nil {
				b.published.add(Made{Kind: "release", Name: b.Plan.Project, Path: d.Directory, Size: sizeOf(files)})
			}
		case d.OCI != "":
			err = b.pushArtifacts(ctx, d.OCI, files)
		case d.GitHub != "":
			err = b.publishGitHub(ctx, d.GitHub, files)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("publishing artifacts to %s: %w", d, err))
		}
	}
	return errors.Join(errs...)
}

// sizeOf is what files weigh, in bytes.
func sizeOf(files []string) (size int64) {
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	return size
}

// packaged are the files of the plan in dist/artifacts, checksums last. One that is
// missing is an error, and so is one that package made for another release: most
// names are the same in all of them. Without any report the files were brought
// together by someone, who answers for them.
func (b *Builder) packaged(ctx context.Context) ([]string, error) {
	var (
		files []string
		errs  []error
	)
	earlier, err := b.readReport()
	if err != nil {
		return nil, err
	}
	reported := earlier.digests(b.Plan)
	add := func(planned string) {
		made := b.filesOf(planned)
		if len(made) == 0 {
			errs = append(errs, fmt.Errorf("%s is not there; run package first", b.path(planned)))
		}
		for _, m := range made {
			file := b.path(m)
			if slices.Contains(files, file) {
				continue
			}
			files = append(files, file)
			if earlier.Project == "" {
				continue
			}
			digest, _, err := b.fileDigest(ctx, m)
			if err == nil && reported[m] != digest.String() {
				err = fmt.Errorf("%s is not what package made of %s %s; run package first", b.relative(m), b.Plan.Project, b.Plan.Release.Version)
			}
			errs = append(errs, err)
		}
	}
	for _, f := range b.Plan.artifacts() {
		add(f.path)
	}
	for _, s := range b.Plan.Checksums {
		add(s.Output)
	}
	return files, errors.Join(errs...)
}

func (b *Builder) publishGitHub(ctx context.Context, repository string, files []string) error {
	owner, repo, ok := strings.Cut(repository, "/")
	if !ok {
		return usage(fmt.Errorf("github %q: want owner/name", repository))
	}
	if b.settings.Offline {
		return fmt.Errorf("offline: the release of %s cannot be made", repository)
	}
	if b.settings.GitHubToken == "" {
		return usage(errors.New("GITHUB_TOKEN is not set; it needs the right to write contents of " + repository))
	}
	r := b.Plan.Release
	api, _ := b.settings.Getenv("GITHUB_API_URL") // GitHub's own runners set it; empty is github.com's
	url, err := release.GitHub{Owner: owner, Repo: repo, Token: b.settings.GitHubToken, BaseURL: api}.Publish(ctx, files,
		release.Options{Tag: r.Version, Name: b.Plan.Project + " " + r.Version, Commit: r.Commit, Prerelease: r.Prerelease()})
	if err != nil {
		return err
	}
	b.published.add(Made{Kind: "release", Name: b.Plan.Project, Ref: url})
	return nil
}

// title is the name of a file in an OCI artifact
// (image-spec/annotations.md, org.opencontainers.image.title).
func title(file string) string { return path.Base(strings.ReplaceAll(file, "\\", "/")) }
