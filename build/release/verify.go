package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/progress"
)

// maxReleaseFile is the size, in bytes, that no file of a GitHub release may reach
// (https://docs.github.com/repositories/releasing-projects-on-github/about-releases).
const maxReleaseFile = 2 << 30

// Verify checks what was made against the plan: that all of it is there and
// nothing else but what a killed run left half-written, that binaries, images and archives are whole and for the
// platforms they should be for, and that the checksums hold. Its error joins all
// that is wrong.
func (b *Builder) Verify(ctx context.Context) error {
	lock, err := b.folder.Lock(ctx, false)
	if err != nil {
		return err
	}
	defer lock.Release()
	layout, err := store.OpenLayout(b.path("dist/oci"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("nothing to verify: %w: run build and package first", err)
	}
	if err != nil {
		return err
	}
	b, report, err := b.asMade(ctx)
	if err != nil {
		return err
	}
	var errs []error
	if report.Project != "" {
		errs = append(errs, b.checkInputs(report))
	} else {
		errs = append(errs, fmt.Errorf("missing %s, which records the inputs of dist: run build and package", b.relative(output.ReportFile)))
	}
	own, err := b.readOwnReport()
	errs = append(errs, err)
	reported := own.digests()
	errs = append(errs, parallel.Each(ctx, len(b.Plan.Binaries), b.options.Jobs, func(i int) error {
		s := b.Plan.Binaries[i]
		digest, err := sumFile(b.path(s.Output))
		if err != nil {
			return fmt.Errorf("binary %s for %s: %w", s.Name, s.Platform, err)
		}
		if want := reported[s.Output]; want != "" && digest.String() != want {
			return fmt.Errorf("binary %s for %s: %s has %s, want %s", s.Name, s.Platform, s.Output, digest, want)
		}
		return nil
	}))
	errs = append(errs,
		parallel.Each(ctx, len(b.Plan.Images), b.options.Jobs, func(i int) error {
			return b.verifyImage(ctx, layout, b.Plan.Images[i], reported)
		}),
		parallel.Each(ctx, len(b.Plan.Indexes), b.options.Jobs, func(i int) error { return b.verifyIndex(layout, b.Plan.Indexes[i], reported) }),
		b.verifyNames(reported),
		parallel.Each(ctx, len(b.Plan.Archives), 1, func(i int) error { return b.verifyArchive(ctx, b.Plan.Archives[i]) }),
		b.verifyChecksums(ctx))
	return errors.Join(errs...)
}

// lookUp is what dist/oci has under a tag, which must be what was reported, if anything
// was.
func lookUp(layout *store.Store, ref string, reported map[string]string) (v1.Descriptor, error) {
	d, err := layout.Lookup(ref)
	if err != nil {
		return d, fmt.Errorf("%w; run build", err)
	}
	if want := reported[ref]; want != "" && want != d.Digest.String() {
		return d, fmt.Errorf("image %s is %s in dist/oci, but %s in artifacts.json: run build and package", ref, d.Digest, want)
	}
	return d, nil
}

// verifyImage reads an image of dist/oci to its last byte.
func (b *Builder) verifyImage(ctx context.Context, layout *store.Store, step plan.ImageStep, reported map[string]string) (err error) {
	task := progress.Start(ctx, "verify "+step.Ref)
	defer func() { task.Done(err) }()
	d, err := lookUp(layout, step.Ref, reported)
	if err != nil {
		return err
	}
	image, err := layout.Image(d.Digest)
	if err != nil {
		return err
	}
	platform, err := images.ConfigPlatform(image)
	if err != nil {
		return fmt.Errorf("image %s: %w", step.Ref, err)
	}
	if !images.SamePlatform(platform, step.Platform.Platform) {
		return fmt.Errorf("image %s is for %s, want %s", step.Ref, images.FormatPlatform(platform), step.Platform)
	}
	if err := validate.Image(image); err != nil {
		return fmt.Errorf("image %s: %w", step.Ref, err)
	}
	return nil
}

// verifyIndex checks that an index of dist/oci holds what its members' tags name.
func (b *Builder) verifyIndex(layout *store.Store, step plan.IndexStep, reported map[string]string) error {
	d, err := lookUp(layout, step.Ref, reported)
	if err != nil {
		return err
	}
	index, err := layout.Index(d.Digest)
	if err != nil {
		return err
	}
	have, err := index.IndexManifest()
	if err != nil {
		return err
	}
	var errs []error
	for _, ref := range b.Plan.Leaves(step) {
		member, err := layout.Lookup(ref)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !slices.ContainsFunc(have.Manifests, func(d v1.Descriptor) bool { return d.Digest == member.Digest }) {
			errs = append(errs, fmt.Errorf("index %s: missing entry %s (%s)", step.Ref, ref, member.Digest))
		}
	}
	return errors.Join(errs...)
}

// verifyNames checks that dist/artifacts holds what the plan names and nothing
// that the configuration does not, and that package made it of this release, going by
// what was reported, if anything was.
func (b *Builder) verifyNames(reported map[string]string) error {
	var errs []error
	known := map[string]bool{}
	for _, f := range b.full.Artifacts() {
		for _, file := range append(b.folder.Files(f.Path), f.Path) {
			known[path.Base(file)] = true
		}
	}
	for _, s := range b.full.Checksums {
		known[path.Base(s.Output)] = true
	}
	want := []string{}
	for _, f := range b.Plan.Artifacts() {
		want = append(want, f.Path)
	}
	for _, s := range b.Plan.Checksums {
		want = append(want, s.Output)
	}
	for _, file := range want {
		made := b.folder.Files(file)
		if len(made) == 0 {
			errs = append(errs, fmt.Errorf("missing %s: run package", file))
		}
		for _, m := range made {
			if len(reported) > 0 && reported[m] == "" {
				errs = append(errs, fmt.Errorf("%s is of another release than %s: run package", m, b.Plan.Release.Version))
			}
		}
	}
	errs = append(errs, b.checkReleaseSizes())
	entries, err := os.ReadDir(b.path("dist/artifacts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	for _, e := range entries {
		if !known[e.Name()] && !output.IsTemporary(e.Name()) {
			errs = append(errs, fmt.Errorf("dist/artifacts/%s is not of this release: remove it, or run clean", e.Name()))
		}
	}
	return errors.Join(errs...)
}

// checkReleaseSizes refuses files that a GitHub release cannot have, if there is to
// be one.
func (b *Builder) checkReleaseSizes() error {
	if !slices.ContainsFunc(b.full.Destinations, func(d config.Destination) bool { return d.GitHub != "" }) {
		return nil
	}
	var errs []error
	for _, f := range b.full.Artifacts() {
		for _, file := range b.folder.Files(f.Path) {
			if info, err := os.Stat(b.path(file)); err == nil && info.Size() >= maxReleaseFile {
				errs = append(errs, fmt.Errorf("%s has %s, but a GitHub release does not allow files of 2 GiB or more: set airgap.split, for instance to 1900MB, or make the list smaller",
					file, progress.FormatBytes(info.Size())))
			}
		}
	}
	return errors.Join(errs...)
}

// verifyChecksums compares the checksum files with what is there, read anew.
func (b *Builder) verifyChecksums(ctx context.Context) error {
	var errs []error
	for _, step := range b.Plan.Checksums {
		raw, err := regular.ReadFile(b.path(step.Output))
		if errors.Is(err, fs.ErrNotExist) {
			continue // verifyNames has said it
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		listed := map[string]string{}
		for n, line := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n") {
			sum, name, ok := strings.Cut(line, "  ")
			if !ok || len(sum) != 64 {
				errs = append(errs, fmt.Errorf("%s:%d: not a line of sha256sum: %q", step.Output, n+1, line))
				continue
			}
			listed[name] = sum
		}
		for _, f := range b.Plan.Artifacts() {
			for _, file := range b.folder.Files(f.Path) {
				if name := path.Base(file); f.Platform.Architecture == step.Arch && listed[name] == "" {
					errs = append(errs, fmt.Errorf("%s does not list %s", step.Output, name))
				}
			}
		}
		names := slices.Sorted(maps.Keys(listed))
		errs = append(errs, parallel.Each(ctx, len(names), b.options.Jobs, func(i int) error {
			have, err := sumFile(filepath.Join(filepath.Dir(b.path(step.Output)), names[i]))
			if err == nil && have.Hex != listed[names[i]] {
				err = fmt.Errorf("%s: %s has SHA-256 %s, want %s", step.Output, names[i], have.Hex, listed[names[i]])
			}
			return err
		}))
	}
	return errors.Join(errs...)
}

func sumFile(file string) (v1.Hash, error) {
	f, err := regular.Open(file)
	if err != nil {
		return v1.Hash{}, err
	}
	defer f.Close()
	sum, _, err := v1.SHA256(io.Reader(f))
	return sum, err
}
