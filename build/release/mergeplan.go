package release

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/regular"
)

// A mergeCopy is a file or an image to copy from a job.
type mergeCopy struct {
	from job
	made Made
}

// planMerge returns the artifacts to copy. It reports each artifact that jobs have with different bytes, that is not in
// the plan, or that is not in a report.
func (r *Release) planMerge(jobs []job) ([]mergeCopy, error) {
	var (
		copies  []mergeCopy
		errs    []error
		first   = map[string]mergeCopy{}
		planned = r.full.Names()
		anew    = map[string]bool{}
	)
	for _, l := range r.full.Lists {
		anew[l.Output] = true
	}
	for _, j := range jobs {
		for _, m := range j.report.Made {
			if _, ofIndex := r.full.Index(m.Subject); m.Kind == "index" || m.Kind == "checksums" || m.Kind == "signature" || ofIndex || anew[m.Path] {
				continue // made anew from all jobs
			}
			if !planned[m.Where()] && !planned[format.Whole(m.Path)] {
				errs = append(errs, fmt.Errorf("%s: the plan does not have %s", j.folder.Path(output.ReportFile), m.Where()))
				continue
			}
			other, ok := first[m.Where()]
			switch {
			case ok && other.made.Digest != m.Digest:
				errs = append(errs, mergeCopy{j, m}.compare(other))
			case !ok:
				first[m.Where()] = mergeCopy{j, m}
				if !j.own {
					copies = append(copies, mergeCopy{j, m})
				}
			}
		}
		if !j.own {
			errs = append(errs, j.unreported())
		}
	}
	return copies, errors.Join(errs...)
}

// compare returns an error for an artifact that another job has with another digest, unless it is the provenance of the
// same build by another invocation.
func (c mergeCopy) compare(other mergeCopy) error {
	why := "the bytes differ"
	if c.made.Kind == "provenance" {
		first, err := regular.ReadFile(other.from.folder.Path(other.made.Path))
		if err != nil {
			return err
		}
		second, err := regular.ReadFile(c.from.folder.Path(c.made.Path))
		if err != nil || proof.SameBuild(first, second) {
			return err
		}
		why = "they differ in more than runDetails.metadata"
	}
	return fmt.Errorf("%s differs: it is %s in %s and %s in %s: make it in only one job, or find out why %s",
		c.made.Where(), other.made.Digest, other.from.dir, c.made.Digest, c.from.dir, why)
}

// unreported returns an error for each file in the artifacts of a job that is not in its report.
func (j job) unreported() error {
	entries, err := os.ReadDir(j.folder.Path("dist/artifacts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	reported := j.report.digests()
	var errs []error
	for _, e := range entries {
		if planned := "dist/artifacts/" + e.Name(); reported[planned] == "" && !output.IsTemporary(e.Name()) {
			errs = append(errs, fmt.Errorf("%s does not have %s: remove it, or run package again",
				j.folder.Path(output.ReportFile), filepath.Join(j.folder.Path("dist/artifacts"), e.Name())))
		}
	}
	return errors.Join(errs...)
}
