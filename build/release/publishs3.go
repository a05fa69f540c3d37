package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/output"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/publish"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/glob"
	"github.com/slipway-build/slipway/internal/suggest"
	"github.com/slipway-build/slipway/internal/usage"
)

func (p *publication) checkS3(ctx context.Context, d config.Destination) error {
	bucket, objects, err := p.s3(d)
	if err != nil {
		return err
	}
	return bucket.Check(ctx, objects)
}

func (p *publication) sendS3(ctx context.Context, d config.Destination) error {
	bucket, objects, err := p.s3(d)
	if err != nil {
		return err
	}
	if err := bucket.Publish(ctx, objects); err != nil || len(objects) == 0 {
		return err
	}
	var files []string
	for _, o := range objects {
		files = append(files, o.Path)
	}
	p.published.add(Made{Kind: "release", Name: p.Plan.Project, Ref: "s3://" + path.Join(d.S3.Bucket, d.S3.Prefix), Size: sizeOf(files)})
	return nil
}

// s3 returns the bucket of a destination, and the objects for the files.
func (p *publication) s3(d config.Destination) (publish.S3, []publish.Object, error) {
	if p.options.Offline {
		return publish.S3{}, nil, fmt.Errorf("offline: cannot upload to %s", d)
	}
	b, err := p.bucket(d)
	if err != nil {
		return b, nil, err
	}
	files, err := p.selected(d)
	if err != nil {
		return b, nil, err
	}
	var objects []publish.Object
	for _, file := range files {
		last := slices.ContainsFunc(p.Plan.Checksums, func(s plan.SumStep) bool { return p.path(s.Output) == file })
		objects = append(objects, publish.Object{Path: file, Key: d.S3.Object(filepath.Base(file)), Last: last, Sum: d.S3.SHA256Sum && !last})
	}
	return b, objects, nil
}

// bucket returns the client of a destination.
func (r *Release) bucket(d config.Destination) (publish.S3, error) {
	env := func(name string) string { v, _ := r.options.Getenv(name); return v }
	b := publish.S3{
		Bucket: d.S3.Bucket, ACL: d.S3.ACL, CacheControl: d.S3.CacheControl, Overwrite: r.options.Force || d.S3.Overwrite,
		Endpoint:  cmp.Or(d.S3.Endpoint, env("AWS_ENDPOINT_URL_S3"), env("AWS_ENDPOINT_URL")),
		Region:    cmp.Or(d.S3.Region, env("AWS_REGION"), env("AWS_DEFAULT_REGION")),
		AccessKey: env("AWS_ACCESS_KEY_ID"), SecretKey: env("AWS_SECRET_ACCESS_KEY"), SessionToken: env("AWS_SESSION_TOKEN"),
	}
	if d.Credentials != (config.Credentials{}) {
		l, err := r.login(d)
		if err != nil {
			return b, err
		}
		b.AccessKey, b.SecretKey, b.SessionToken = l.user, l.password, l.token
	}
	return b, nil
}

// selected returns the files for a bucket. Patterns match parts of an archive by the name of the archive.
func (p *publication) selected(d config.Destination) ([]string, error) {
	if len(d.S3.Files) == 0 {
		return p.filesFor(d), nil
	}
	set, err := p.selection(d)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(p.filesFor(d)), func(file string) bool {
		name := filepath.Base(file)
		return !set.Has(name) && !set.Has(format.Whole(name)) && file != p.path(output.ReportFile)
	}), nil
}

// selection returns the set of the artifacts for a bucket. It is an error if a name is not an artifact of the release,
// or if patterns select no artifact.
func (r *Release) selection(d config.Destination) (*glob.Set, error) {
	set, err := glob.New(d.S3.Files...)
	if err != nil {
		return nil, err
	}
	all := r.artifactNames() // including those that this run omits
	for _, name := range d.S3.Files {
		if !glob.IsPattern(name) && !strings.HasPrefix(name, "!") && !slices.Contains(all, name) {
			return nil, usage.Errorf("%s: the release has no artifact %s%s", d.S3.Position, name, suggest.DidYouMean(name, all))
		}
	}
	if !slices.ContainsFunc(all, set.Has) {
		return nil, usage.Errorf("%s: files select no artifact of the release", d.S3.Position)
	}
	return set, nil
}

// checkSelections checks the names of artifacts for buckets.
func (r *Release) checkSelections() error {
	var errs []error
	for _, d := range r.Plan.Destinations {
		if len(d.S3.Files) > 0 {
			_, err := r.selection(d)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
