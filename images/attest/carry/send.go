package carry

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/registry"
	"github.com/slipway-build/slipway/internal/parallel"
)

// Send pushes attachments to a repository, and makes its registry list the referrers; see
// registry.Client.PushReferrers. It reads back what it has pushed, and fails if the registry does not have it.
//
// A tag of cosign that has other content there gets the signatures or attestations of both; see mergeTag. With
// noClobber it is an error. At most jobs subjects and tags are sent at a time.
func Send(ctx context.Context, client *registry.Client, repo name.Repository, attachments []Attachment, noClobber bool, jobs int) error {
	s := &sending{client, repo, noClobber}
	referrers := map[v1.Hash][]images.Artifact{}
	var subjects []v1.Hash
	var steps []func() error
	for _, a := range attachments {
		if a.Tag != "" {
			steps = append(steps, func() error { return s.tag(ctx, a) })
			continue
		}
		if referrers[a.Subject] == nil {
			subjects = append(subjects, a.Subject)
		}
		referrers[a.Subject] = append(referrers[a.Subject], a.Artifact)
	}
	for _, subject := range subjects {
		steps = append(steps, func() error {
			return client.PushReferrers(ctx, repo.Digest(subject.String()), referrers[subject]...)
		})
	}
	return parallel.Each(ctx, len(steps), jobs, func(i int) error { return steps[i]() })
}

// A sending is one call of Send.
type sending struct {
	client    *registry.Client
	repo      name.Repository
	noClobber bool
}

// tag pushes the artifact of a tag of cosign.
func (s *sending) tag(ctx context.Context, a Attachment) error {
	artifact, err := s.tagContent(ctx, a)
	if err != nil {
		return err
	}
	d, err := s.client.Push(ctx, a.Ref(s.repo), artifact)
	if err != nil {
		return err
	}
	return s.client.Confirm(ctx, a.Ref(s.repo), d.Digest)
}

// tagContent returns what a tag of cosign gets.
func (s *sending) tagContent(ctx context.Context, a Attachment) (images.Artifact, error) {
	tag := s.repo.Tag(a.Tag)
	has, ok, err := s.client.Tagged(ctx, tag)
	if err != nil || !ok || has == a.Descriptor.Digest {
		return a.Artifact, err
	}
	if s.noClobber {
		return nil, fmt.Errorf("%s exists with digest %s, and the source has %s: delete the tag, or copy without --no-clobber", tag, has, a.Descriptor.Digest)
	}
	m, err := s.client.Resolve(ctx, tag)
	if err != nil {
		return nil, err
	}
	return mergeTag(ctx, tag, m, a.Artifact)
}
