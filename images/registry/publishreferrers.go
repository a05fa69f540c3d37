package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/registry/transport"
	"github.com/slipway-build/slipway/progress"
)

// PushReferrers pushes manifests that have subject as their subject, with their content, and makes the registry list
// them. A registry with the referrers API does that by itself. For other registries, they are added to the index under
// the referrers tag, which clients maintain (distribution-spec, "Referrers Tag Schema"). A registry that has the API but
// does not list them gets the tag too, with a warning: clients that only use the API will not find them. It is an error
// if the registry does not return the bytes that it has accepted.
func (c *Client) PushReferrers(ctx context.Context, subject name.Digest, referrers ...images.Artifact) error {
	list := make([]v1.Descriptor, len(referrers))
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(c.jobs)
	for i, artifact := range referrers {
		g.Go(func() (err error) {
			list[i], err = c.pushReferrer(each, subject, artifact)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	label := images.Familiar(subject)
	e, err := c.transport.Target(subject.Context())
	if err != nil {
		return err
	}
	missing, hasList, err := c.unlisted(ctx, e, subject, list)
	if err != nil {
		return e.Explain("referrers of "+label, err)
	}
	if len(missing) == 0 {
		return nil
	}
	tag := referrersTag(subject)
	if err := c.addToReferrersTag(ctx, e, tag, missing); err != nil {
		return e.Explain("referrers "+images.Familiar(tag), err)
	}
	if hasList {
		progress.Warn(ctx, fmt.Sprintf("registry %s has accepted but does not list these referrers of %s; only clients that also read the tag %s will find them: %s",
			images.RegistryName(subject.Context().Registry), label, tag.TagStr(), describeReferrers(missing)))
	}
	return nil
}

func (c *Client) pushReferrer(ctx context.Context, subject name.Digest, artifact images.Artifact) (v1.Descriptor, error) {
	d, raw, err := describe(artifact)
	if err != nil {
		return d, err
	}
	d, of, err := images.ReferrerOf(d.MediaType, raw)
	if err != nil {
		return d, err
	}
	if of == nil || of.Digest.String() != subject.DigestStr() {
		return d, fmt.Errorf("manifest %s does not have %s as its subject", d.Digest, subject.DigestStr())
	}
	ref := subject.Context().Digest(d.Digest.String())
	if _, err := c.Push(ctx, ref, artifact); err != nil {
		return d, err
	}
	return d, c.Confirm(ctx, ref, d.Digest)
}

// describeReferrers returns a list of referrers for a message.
func describeReferrers(list []v1.Descriptor) string {
	var out []string
	for _, d := range list {
		out = append(out, strings.TrimSpace(d.Digest.String()+" "+d.ArtifactType))
	}
	return strings.Join(out, ", ")
}

// unlisted returns the referrers that the referrers API does not list. If the registry has said that it has processed a
// subject (OCI-Subject), the list is requested again until it contains them, for a few seconds. A registry that refuses
// the list is treated as one without the API.
func (c *Client) unlisted(ctx context.Context, e *transport.Endpoint, subject name.Digest, referrers []v1.Descriptor) (missing []v1.Descriptor, hasList bool, err error) {
	for a := c.pace.Begin(); ; {
		var listed []v1.Descriptor
		listed, hasList, err = c.listReferrers(ctx, e, subject)
		if transport.IsRefusal(err) {
			return referrers, false, nil
		}
		if err == nil {
			missing = slices.DeleteFunc(slices.Clone(referrers), func(r v1.Descriptor) bool {
				return slices.ContainsFunc(listed, func(d v1.Descriptor) bool { return d.Digest == r.Digest })
			})
			if !hasList || len(missing) == 0 || !c.hasSubjects(subject.Context()) {
				return missing, hasList, nil
			}
			err = &transport.TemporaryError{Err: errUnlisted}
		}
		if err := a.Again(ctx, err); err != nil {
			if len(missing) > 0 && !transport.IsEnded(err) {
				return missing, hasList, nil
			}
			return nil, hasList, err
		}
	}
}

var errUnlisted = fmt.Errorf("it does not list what it has accepted")

// Confirm returns an error unless a registry returns the bytes of a manifest under ref. Push relies on the answers of
// the registry instead.
func (c *Client) Confirm(ctx context.Context, ref name.Reference, want v1.Hash) error {
	e, err := c.transport.Target(ref.Context())
	if err != nil {
		return err
	}
	err = c.pace.Try(ctx, func() error {
		d, _, err := getManifest(ctx, e, ref)
		if err == nil && d.Digest != want {
			err = &rewritten{want, d.Digest}
		}
		return err
	})
	if transport.IsRefusal(err) && ctx.Err() == nil {
		return fmt.Errorf("registry %s has accepted %s but does not return it: %w", images.RegistryName(ref.Context().Registry), images.Familiar(ref), err)
	}
	return e.Explain("manifest "+images.Familiar(ref), err)
}
