package release

import (
	"context"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images"
)

// Path returns the location on disk of a path of the plan.
func (r *Release) Path(planned string) string { return r.path(planned) }

// BuildContext returns what an image is built from.
func (r *Release) BuildContext(step plan.ImageStep) images.BuildContext { return r.buildContext(step) }

// CheckBinary returns an error if a binary cannot be compiled here. It does not run go.
func (r *Release) CheckBinary(step plan.BinaryStep) error {
	return r.compiler().Check(r.compileTarget(step))
}

// GoRelease returns the release of the go command in PATH, such as go1.26.1, or "" if it is unknown.
func (r *Release) GoRelease() (string, error) { return r.compiler().Release() }

// CheckHook returns an error if a hook cannot run because a secret is not set, or its program is missing.
func (r *Release) CheckHook(step plan.HookStep) error {
	runner, err := r.hookRunner()
	if err != nil {
		return err
	}
	return runner.Check(commandOf(step))
}

// CheckFetch returns an error if a file is not in the cache and cannot be fetched, and the size of what is fetched, in
// bytes, if it is known. It does not fetch the file.
func (r *Release) CheckFetch(ctx context.Context, step plan.FetchStep) (size int64, err error) {
	return r.fetcher().Check(ctx, r.fileOf(step))
}

// CheckEngineOptions returns an error if an option of the engine for an image is invalid, or a secret is missing.
func (r *Release) CheckEngineOptions(step plan.ImageStep) error {
	if err := r.openBench(); err != nil {
		return err
	}
	return r.bench.CheckEngineOptions(r.engineOptions(step))
}

// CheckSigning returns an error if the release cannot be signed. It reads a private key, but requests no certificate,
// which a log would publish.
func (r *Release) CheckSigning(ctx context.Context) error {
	if r.Plan.Sign == nil {
		return nil
	}
	if err := r.openBench(); err != nil {
		return err
	}
	signing, err := r.signing(ctx)
	if err != nil || r.Plan.Sign.Keyless != nil {
		return err
	}
	return r.explain(signing.Check(ctx))
}

// Workbench opens the cache, without the shared ones, for what makes nothing. The caller closes the release.
func (r *Release) Workbench() (*workbench.Workbench, error) {
	err := r.openBench()
	return r.bench, err
}

// Reported returns the digest of a tag of the plan in dist/artifacts.json, or "".
func (r *Release) Reported(ref string) string {
	report, err := r.readReport()
	if err != nil {
		return ""
	}
	return report.digests()[ref]
}

// CheckCredentials returns an error if a variable with credentials of a destination is not set.
func (r *Release) CheckCredentials(d config.Destination) error {
	_, err := r.login(d)
	return err
}

// CheckVersion returns an error unless the version may be published: it must be the tag of the commit, without changes,
// or a snapshot.
func (r *Release) CheckVersion() error {
	p := publication{Release: r, parts: plan.Verbs["publish"]}
	return p.allowed()
}

// CheckUpload returns how many of the files exist at a destination on GitLab or S3, and an error if it cannot be reached, or
// would not accept files. It sends none, and the files need not exist. On GitLab, all files of the version count.
func (r *Release) CheckUpload(ctx context.Context, d config.Destination, files []string) (existing int, err error) {
	p := &publication{Release: r, parts: plan.Verbs["publish"], files: files}
	if d.GitLab.Project != "" {
		gitlab, options, err := p.gitlab(d)
		if err != nil {
			return 0, err
		}
		return gitlab.Examine(ctx, options)
	}
	bucket, objects, err := p.s3(d)
	if err != nil {
		return 0, err
	}
	var keys []string
	for _, o := range objects {
		keys = append(keys, o.Key)
	}
	return bucket.Examine(ctx, keys)
}

// CheckCaches returns an error for each place of the shared caches that cannot be read.
func (r *Release) CheckCaches(ctx context.Context) []error {
	if err := r.openBench(); err != nil {
		return []error{err}
	}
	return r.bench.CheckCaches(ctx, r.sharedCache())
}
