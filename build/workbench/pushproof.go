package workbench

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/attest/carry"
	"github.com/slipway-build/slipway/progress"
)

// pushAttached pushes what is attached to the images of a target and to their index, and returns the references. What is
// attached to a manifest that the registry does not have, because it was rewritten, is left out with a warning.
func (p *archivePush) pushAttached(ctx context.Context, t pushTarget) ([]string, error) {
	var all []carry.Attachment
	for _, s := range t.sources {
		all = append(all, p.attached[s.image.Archive()][s.image.Manifest.Digest]...)
	}
	repo := t.tag.Context()
	fit, unfit, err := p.fitting(ctx, repo, carry.Distinct(all))
	if err != nil {
		return nil, err
	}
	if len(unfit) > 0 {
		progress.Warn(ctx, fmt.Sprintf("%s: not pushed, because the registry does not have the manifests that they were made for: %s. "+
			"Archives with uncompressed layers, and registries that refuse indexes without all of their images, change these manifests; "+
			"pack with --layers original to keep them", images.Familiar(t.tag), describeAttached(unfit)))
	}
	if err := carry.Send(ctx, p.workbench.Registry, repo, fit, false, p.workbench.options.Transfers()); err != nil {
		return nil, err
	}
	var refs []string
	for _, a := range fit {
		refs = append(refs, images.Familiar(a.Ref(repo)))
	}
	return refs, nil
}

// fitting separates the attachments whose subjects a repository has, or gets with other attachments, from the rest.
func (p *archivePush) fitting(ctx context.Context, repo name.Repository, all []carry.Attachment) (fit, unfit []carry.Attachment, err error) {
	has := map[v1.Hash]bool{}
	for _, a := range all {
		known, ok := has[a.Subject]
		if !ok {
			if _, known, err = p.workbench.Registry.Tagged(ctx, repo.Digest(a.Subject.String())); err != nil {
				return nil, nil, err
			}
			has[a.Subject] = known
		}
		if !known {
			unfit = append(unfit, a)
			continue
		}
		fit = append(fit, a)
		subjects, err := carry.Subjects(a.Artifact)
		if err != nil {
			return nil, nil, err
		}
		for _, h := range subjects {
			has[h] = true
		}
	}
	return fit, unfit, nil
}

// describeAttached lists attachments for a message.
func describeAttached(list []carry.Attachment) string {
	var out []string
	for _, a := range list {
		what := a.Tag
		if what == "" {
			what = strings.TrimSpace(a.Descriptor.ArtifactType + " " + a.Descriptor.Digest.String())
		}
		out = append(out, fmt.Sprintf("%s of %s", what, a.Subject))
	}
	return strings.Join(out, ", ")
}
