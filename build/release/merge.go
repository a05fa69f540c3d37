package release

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/usage"
)

// A job is the dist of one machine.
type job struct {
	dir    string
	folder output.Folder
	report Report
	// own is set for dist itself, into which the others are merged.
	own bool
}

// Merge joins the dist folders of several jobs in dist, so that verify and publish find the same files as after a run
// on one machine. The jobs must have the same inputs as this checkout. Several jobs may have made the same artifact if
// its bytes are equal; its provenance may name different invocations. Merge makes indexes, lists of all images and
// checksums anew. It checks the reports before it writes anything, and reads each file once, to copy it and to compare its
// digest. Artifacts of the release that are already in dist are kept.
func (r *Release) Merge(ctx context.Context, dirs []string) error {
	lock, err := r.folder.Lock(ctx, true)
	if err != nil {
		return err
	}
	defer lock.Release()
	r.folder.Sweep(r.full.Names())
	jobs, err := r.readJobs(dirs)
	if err != nil {
		return err
	}
	if err := sameRelease(jobs); err != nil {
		return err
	}
	if err := r.openBench(); err != nil {
		return err
	}
	// OpenOutput would read each layer once more for each image and index that has it. Verify does so.
	if r.layout, err = store.Open(r.path("dist/oci")); err != nil {
		return fmt.Errorf("opening the image store: %w", err)
	}
	// Like publish and verify, a merge uses the REGISTRY and REPO with which the images were made.
	named, err := r.named(ctx, jobs[0].report)
	if err != nil {
		return err
	}
	if differences, err := named.differences(jobs[0].report); err != nil || len(differences) > 0 {
		return errors.Join(err, fmt.Errorf("%s is not of this checkout: %s: check out what the jobs have built", jobs[0].dir, strings.Join(differences, "; ")))
	}
	if earlier, err := named.readOwnReport(); err != nil {
		return err
	} else if len(earlier.Made) > 0 {
		jobs = append(jobs, job{dir: r.relative("dist"), folder: r.folder, report: earlier, own: true})
	}
	if err := named.merge(ctx, jobs); err != nil {
		return err
	}
	if named != r {
		for _, m := range named.report.sorted() {
			r.report.add(m)
		}
	}
	return nil
}

// readJobs reads the reports of folders. dist itself must not be among them, since it is merged anyway.
func (r *Release) readJobs(dirs []string) ([]job, error) {
	var (
		jobs []job
		errs []error
	)
	own, ownErr := os.Stat(r.path("dist"))
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && ownErr == nil && os.SameFile(own, info) {
			errs = append(errs, usage.Errorf("%s is the folder that the others are merged into, and is merged without being named", dir))
			continue
		}
		j := job{dir: dir, folder: output.Folder{Project: dir, Dist: dir}}
		var err error
		if j.report, err = readReport(j.folder); errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s is not the folder dist of a job: missing %s", dir, j.folder.Path(output.ReportFile))
		} else if err == nil && j.report.Inputs == nil {
			err = fmt.Errorf("%s does not record the inputs of the release: run build and package again", j.folder.Path(output.ReportFile))
		}
		jobs, errs = append(jobs, j), append(errs, err)
	}
	return jobs, errors.Join(errs...)
}

// sameRelease returns an error if the inputs of jobs differ.
func sameRelease(jobs []job) error {
	var errs []error
	first := jobs[0]
	for _, j := range jobs[1:] {
		for _, difference := range compareReports(first.report, j.report, func(what, a, b string) string {
			return fmt.Sprintf("%s is %s in %s and %s in %s", what, a, first.dir, b, j.dir)
		}, fmt.Sprintf("slipway.yaml or an image list of %s differs from that of %s", first.dir, j.dir)) {
			errs = append(errs, errors.New(difference))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("not the same release: build all jobs from one commit with the same variables: %w", err)
	}
	return nil
}

// merge copies the artifacts of jobs, and makes indexes, lists of all images and checksums anew.
func (r *Release) merge(ctx context.Context, jobs []job) error {
	if err := r.openKey(ctx, r.full); err != nil {
		return err
	}
	copies, err := r.planMerge(jobs)
	if err != nil {
		return err
	}
	r.collectTags()
	if err := r.mergeCopies(ctx, jobs, copies); err != nil {
		return err
	}
	if err := r.mergeRest(ctx, jobs); err != nil {
		return err
	}
	if err := r.writeTags(ctx); err != nil {
		return err
	}
	r.Plan.VEX = r.full.VEX
	if err := r.prove(ctx, isOfImage); err != nil {
		return err
	}
	if err := errors.Join(r.writeChecksums(ctx), r.sign(ctx)); err != nil {
		return err
	}
	return r.writeReport()
}

// mergeCopies copies the artifacts of jobs.
func (r *Release) mergeCopies(ctx context.Context, jobs []job, copies []mergeCopy) error {
	layouts := map[string]*store.Store{}
	defer func() {
		for _, l := range layouts {
			l.Close()
		}
	}()
	var errs []error
	for _, j := range jobs {
		if j.own {
			continue
		}
		layout, err := store.OpenLayout(j.folder.Path("dist/oci"))
		if err == nil {
			layouts[j.dir] = layout
		} else if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err) // without a layout, the first image of the job has the error
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return parallel.Each(ctx, len(copies), r.options.Jobs, func(i int) error {
		return r.mergeOne(ctx, copies[i], layouts[copies[i].from.dir])
	})
}

// mergeRest makes the lists of all images of platforms with archives, and the indexes that have a member. They become the
// plan of the release, with its checksums.
func (r *Release) mergeRest(ctx context.Context, jobs []job) error {
	has, archives := map[string]bool{}, map[string]bool{} // Refs, and platforms without versions
	for _, j := range jobs {
		for _, m := range j.report.Made {
			has[m.Ref] = true
			if m.Kind == "archive" {
				archives[withoutVersion(m.Platform)] = true
			}
		}
	}
	for _, l := range r.full.Lists {
		if archives[withoutVersion(l.Platform)] {
			if err := r.allImages(ctx, l); err != nil {
				return err
			}
		}
	}
	rest := &plan.Plan{Project: r.full.Project, Release: r.full.Release, Checksums: r.full.Checksums, Provenance: r.full.Provenance}
	for _, step := range r.full.Indexes {
		if slices.ContainsFunc(r.full.Leaves(step), func(leaf string) bool { return has[leaf] }) {
			rest.Indexes = append(rest.Indexes, step)
		}
	}
	r.Plan = rest
	for _, step := range rest.Indexes {
		if _, err := r.index(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// withoutVersion formats a platform without the version of Windows.
func withoutVersion(p images.Platform) string {
	p.OSVersion, p.OSFeatures = "", nil
	return p.String()
}
