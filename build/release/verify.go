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

// maxReleaseFile is the size in bytes from which GitHub refuses files of a release
// (https://docs.github.com/repositories/releasing-projects-on-github/about-releases).
const maxReleaseFile = 2 << 30

// Verify checks dist against the plan. Everything in the plan must exist and, except for unfinished files of killed
// runs, nothing else. Binaries, images and archives must be intact and for their platforms, and the checksums must
// match. The error joins all problems.
func (r *Release) Verify(ctx context.Context) error {
	lock, err := r.folder.Lock(ctx, false)
	if err != nil {
		return err
	}
	defer lock.Release()
	layout, err := store.OpenLayout(r.path("dist/oci"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("nothing to verify: %w: run build and package first", err)
	}
	if err != nil {
		return err
	}
	r, report, err := r.asMade(ctx)
	if err != nil {
		return err
	}
	r.sums = parallel.Memo[v1.Hash]{}
	var errs []error
	if report.Project != "" {
		errs = append(errs, r.checkInputs(report))
	} else {
		errs = append(errs, fmt.Errorf("missing %s, which records the inputs of dist: run build and package", r.relative(output.ReportFile)))
	}
	own, err := r.readOwnReport()
	errs = append(errs, err)
	reported := own.digests()
	errs = append(errs, parallel.Each(ctx, len(r.Plan.Binaries), r.options.Jobs, func(i int) error {
		s := r.Plan.Binaries[i]
		digest, err := sumFile(r.path(s.Output))
		if err != nil {
			return fmt.Errorf("binary %s for %s: %w", s.Name, s.Platform, err)
		}
		if want := reported[s.Output]; want != "" && digest.String() != want {
			return fmt.Errorf("binary %s for %s: %s has %s, want %s", s.Name, s.Platform, s.Output, digest, want)
		}
		return nil
	}))
	errs = append(errs,
		parallel.Each(ctx, len(r.Plan.Images), r.options.Jobs, func(i int) error {
			return r.verifyImage(ctx, layout, r.Plan.Images[i], reported)
		}),
		parallel.Each(ctx, len(r.Plan.Indexes), r.options.Jobs, func(i int) error { return r.verifyIndex(layout, r.Plan.Indexes[i], reported) }),
		r.verifyNames(reported),
		r.verifySBOMs(ctx, reported),
		r.verifyProofs(ctx, layout, reported),
		parallel.Each(ctx, len(r.Plan.Archives), 1, func(i int) error { return r.verifyArchive(ctx, r.Plan.Archives[i]) }),
		r.verifyChecksums(ctx), r.verifySignatures(ctx, reported))
	return errors.Join(errs...)
}

// lookUp returns the content of dist/oci for a tag. If there is a report, its digest must be the reported one, which is
// also the one whose signatures are verified.
func lookUp(layout *store.Store, ref string, reported map[string]string) (v1.Descriptor, error) {
	d, err := layout.Lookup(ref)
	if err != nil {
		return d, fmt.Errorf("%w; run build", err)
	}
	switch want := reported[ref]; {
	case len(reported) > 0 && want == "":
		return d, fmt.Errorf("image %s is %s in dist/oci, but artifacts.json does not have it: run build and package", ref, d.Digest)
	case want != "" && want != d.Digest.String():
		return d, fmt.Errorf("image %s is %s in dist/oci, but %s in artifacts.json: run build and package", ref, d.Digest, want)
	}
	return d, nil
}

// verifyImage reads an image of dist/oci completely.
func (r *Release) verifyImage(ctx context.Context, layout *store.Store, step plan.ImageStep, reported map[string]string) (err error) {
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

// verifyIndex checks that an index of dist/oci contains the images of its members.
func (r *Release) verifyIndex(layout *store.Store, step plan.IndexStep, reported map[string]string) error {
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
	for _, ref := range r.Plan.Leaves(step) {
		member, err := layout.Lookup(ref)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !slices.ContainsFunc(have.Manifests, func(d v1.Descriptor) bool { return d.Digest == member.Digest }) {
			errs = append(errs, fmt.Errorf("index %s: missing entry %s (%s)", step.Ref, ref, member.Digest))
		}
		if err := r.verifyAttestation(layout, have, ref, member.Digest); err != nil {
			errs = append(errs, fmt.Errorf("index %s: %w", step.Ref, err))
		}
	}
	return errors.Join(errs...)
}

// verifyNames checks that dist/artifacts has the artifacts of the plan, and no files that are not in the full plan. If
// there is a report, it must have the files.
func (r *Release) verifyNames(reported map[string]string) error {
	var errs []error
	known := map[string]bool{}
	for _, f := range r.full.Artifacts() {
		for _, file := range append(r.folder.Files(f.Path), f.Path) {
			known[path.Base(file)] = true
		}
	}
	for _, s := range r.full.Checksums {
		known[path.Base(s.Output)] = true
	}
	for _, s := range r.full.Signatures() {
		for _, file := range append(r.folder.Files(s.File), s.File) {
			if file != "" {
				known[path.Base(plan.SignatureOf(file))] = true
			}
		}
	}
	want := []string{}
	for _, f := range r.Plan.Artifacts() {
		want = append(want, f.Path)
	}
	for _, s := range r.Plan.Checksums {
		want = append(want, s.Output)
	}
	for _, file := range want {
		made := r.folder.Files(file)
		if len(made) == 0 {
			errs = append(errs, fmt.Errorf("missing %s: run package", file))
		}
		for _, m := range made {
			if len(reported) > 0 && reported[m] == "" {
				errs = append(errs, fmt.Errorf("%s is of another release than %s: run package", m, r.Plan.Release.Version))
			}
		}
	}
	errs = append(errs, r.checkReleaseSizes())
	entries, err := os.ReadDir(r.path("dist/artifacts"))
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

// checkReleaseSizes returns an error for each file that is too large for a GitHub release, if the full plan has one.
func (r *Release) checkReleaseSizes() error {
	if !slices.ContainsFunc(r.full.Destinations, func(d config.Destination) bool { return d.GitHub.Repository != "" }) {
		return nil
	}
	var errs []error
	for _, f := range r.full.Artifacts() {
		for _, file := range r.folder.Files(f.Path) {
			if info, err := os.Stat(r.path(file)); err == nil && info.Size() >= maxReleaseFile {
				errs = append(errs, fmt.Errorf("%s has %s, but a GitHub release does not allow files of 2 GiB or more: set airgap.split, for instance to 1900MB, or make the list smaller",
					file, progress.FormatBytes(info.Size())))
			}
		}
	}
	return errors.Join(errs...)
}

// verifyChecksums compares the checksum files with the artifacts, which it reads.
func (r *Release) verifyChecksums(ctx context.Context) error {
	var errs []error
	for _, step := range r.Plan.Checksums {
		raw, err := regular.ReadFile(r.path(step.Output))
		if errors.Is(err, fs.ErrNotExist) {
			continue // verifyNames reports the missing file
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
		for _, f := range r.Plan.Artifacts() {
			for _, file := range r.folder.Files(f.Path) {
				if name := path.Base(file); step.Has(f.Platform) && listed[name] == "" {
					errs = append(errs, fmt.Errorf("%s does not list %s", step.Output, name))
				}
			}
		}
		names := slices.Sorted(maps.Keys(listed))
		errs = append(errs, parallel.Each(ctx, len(names), r.options.Jobs, func(i int) error {
			have, err := r.sum(ctx, filepath.Join(filepath.Dir(r.path(step.Output)), names[i]))
			if err == nil && have.Hex != listed[names[i]] {
				err = fmt.Errorf("%s: %s has SHA-256 %s, want %s", step.Output, names[i], have.Hex, listed[names[i]])
			}
			return err
		}))
	}
	return errors.Join(errs...)
}

// sum is sumFile, and reads each file once.
func (r *Release) sum(ctx context.Context, file string) (v1.Hash, error) {
	return r.sums.Do(ctx, file, func() (v1.Hash, error) { return sumFile(file) })
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
