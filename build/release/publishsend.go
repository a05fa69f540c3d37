package release

import (
	"context"
	"errors"
	"fmt"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/build/publish"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/internal/parallel"
)

// send sends what was gathered and checked. An index is sent after its images.
func (p *publication) send(ctx context.Context) error {
	for _, phase := range p.pushes {
		err := parallel.Each(ctx, len(phase), p.options.Transfers(), func(i int) error { return p.push(ctx, phase[i]) })
		if err != nil {
			return err
		}
	}
	if err := p.signLists(ctx); err != nil {
		return err
	}
	if !p.wants("artifacts") {
		return nil
	}
	var errs []error
	for _, d := range p.artifactDestinations() {
		var err error
		switch {
		case d.Directory != "":
			files := p.filesFor(d)
			if err = publish.Copy(ctx, p.path(d.Directory), files); err == nil {
				p.published.add(Made{Kind: "release", Name: p.Plan.Project, Path: d.Directory, Size: sizeOf(files)})
			}
		case d.GitHub.Repository != "":
			err = p.sendGitHub(ctx, d)
		case d.GitLab.Project != "":
			err = p.sendGitLab(ctx, d)
		case d.S3.Bucket != "":
			err = p.sendS3(ctx, d)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("publishing artifacts to %s: %w", d, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return p.runCommands(ctx)
}

// push pushes an image, an index or an OCI artifact, and reports its reference.
func (p *publication) push(ctx context.Context, o push) error {
	d, err := p.bench.Registry.Push(ctx, o.ref, o.artifact)
	if err != nil {
		return err
	}
	made := o.made
	made.Ref, made.Digest, made.Size = images.Qualified(o.ref), d.Digest.String(), d.Size
	if image, ok := o.artifact.(v1.Image); ok && made.Kind == "image" {
		if made.Size, err = images.ImageSize(image); err != nil {
			return err
		}
	}
	p.published.add(made)
	if len(o.attachments) == 0 {
		return nil
	}
	repo := o.ref.Context()
	if err := carry.Send(ctx, p.bench.Registry, repo, o.attachments, false, p.options.Transfers()); err != nil {
		return fmt.Errorf("attaching signatures to %s: %w", made.Ref, err)
	}
	for _, a := range o.attachments {
		p.published.add(Made{Kind: "signature", Name: made.Name, Platform: made.Platform, Ref: images.Qualified(a.Ref(repo)),
			Digest: a.Descriptor.Digest.String(), Size: a.Descriptor.Size})
	}
	return nil
}

// sizeOf returns the total size of files, in bytes.
func sizeOf(files []string) (size int64) {
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	return size
}
