package release

import (
	"context"
	"errors"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/internal/parallel"
)

// packaged returns the files of the plan that dist/artifacts has, with the checksums last. A file that is signed is
// followed by its signature. A missing file is an error.
func (p *publication) packaged() ([]string, error) {
	var (
		files []string
		errs  []error
	)
	add := func(planned string) []string {
		made := p.folder.Files(planned)
		if len(made) == 0 {
			errs = append(errs, fmt.Errorf("missing %s: run package first", p.path(planned)))
		}
		for _, m := range made {
			if !slices.Contains(files, m) {
				files = append(files, m)
			}
		}
		return made
	}
	signature := map[string]bool{}
	for _, s := range p.Plan.Signatures() {
		signature[s.Path] = s.File != ""
	}
	// addSigned adds a file, or its parts, each followed by its signature.
	addSigned := func(planned string) {
		made := add(planned)
		if !signature[plan.SignatureOf(planned)] {
			return
		}
		for _, m := range made {
			add(plan.SignatureOf(m))
		}
	}
	for _, f := range p.Plan.Artifacts() {
		addSigned(f.Path)
	}
	for _, s := range p.Plan.Checksums {
		addSigned(s.Output)
	}
	return files, errors.Join(errs...)
}

// filesFor returns the files for a destination, with the checksums last.
func (p *publication) filesFor(d config.Destination) []string {
	if !d.Report {
		return p.files
	}
	return append([]string{p.path(output.ReportFile)}, p.files...)
}

// checkFiles returns an error for each file that differs from the report, since most names are the same in all releases.
// Without a report, nothing is compared. If files are signed, the signatures must be of p.signers, and the checksums must
// match: then it reads each file, once, and believes neither the report nor the cache.
func (p *publication) checkFiles(ctx context.Context, files []string) error {
	compare, signed := p.report.Project != "", p.signsFiles()
	if !compare && !signed {
		return nil
	}
	reported := p.report.digests()
	errs := []error{parallel.Each(ctx, len(files), p.options.Jobs, func(i int) error {
		file := files[i]
		var digest v1.Hash
		var err error
		if signed {
			digest, err = p.sum(ctx, p.path(file))
		} else {
			digest, _, err = p.fileDigest(ctx, file)
		}
		if err != nil {
			return err
		}
		if compare && reported[file] != digest.String() {
			return fmt.Errorf("%s differs from the output of package for %s %s: run package first", p.relative(file), p.Plan.Project, p.Plan.Release.Version)
		}
		if signature := plan.SignatureOf(file); slices.Contains(files, signature) {
			_, err = proof.VerifyFile(ctx, p.path(file), digest, p.path(signature), p.signers)
		}
		return err
	})}
	if signed {
		errs = append(errs, p.verifyChecksums(ctx))
	}
	return errors.Join(errs...)
}

// signsFiles reports whether files of the release are signed, all or the checksums.
func (p *publication) signsFiles() bool { return p.full.Sign != nil && p.full.Sign.Files != "none" }
