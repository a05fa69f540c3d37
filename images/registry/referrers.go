package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/registry/transport"
)

// Referrers returns the descriptors of the manifests whose subject is subject, such as signatures. It asks the
// referrers API; if the registry does not have it, Referrers reads the tag that clients maintain in its place
// (distribution-spec, "Listing Referrers", "Referrers Tag Schema").
func (c *Client) Referrers(ctx context.Context, subject name.Digest) ([]v1.Descriptor, error) {
	label := images.Familiar(subject)
	if c.offline {
		return nil, fmt.Errorf("offline: referrers of %s cannot be looked up", label)
	}
	var (
		found   []v1.Descriptor
		hasList bool
	)
	err := c.fromAny(ctx, subject.Context(), true, "referrers of "+label, func(e *transport.Endpoint) (err error) {
		found, hasList, err = c.referrers(ctx, e, subject)
		return err
	})
	if err != nil || hasList {
		return found, err
	}
	m, err := c.Resolve(ctx, referrersTag(subject))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	index, err := m.Index()
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	return manifest.Manifests, nil
}

// PublishReferrers makes a registry list referrers of a subject. The registry must have them. A registry with the
// referrers API lists them by itself. For other registries, PublishReferrers adds them to the index under the referrers
// tag, which clients maintain (distribution-spec, "Referrers Tag Schema").
func (c *Client) PublishReferrers(ctx context.Context, subject name.Digest, referrers []v1.Descriptor) error {
	label := images.Familiar(subject)
	e, err := c.transport.Target(subject.Context())
	if err != nil {
		return err
	}
	hasList := false
	err = c.pace.Try(ctx, func() (err error) {
		_, hasList, err = c.referrers(ctx, e, subject)
		return err
	})
	if err != nil || hasList {
		return e.Explain("referrers of "+label, err)
	}
	tag := referrersTag(subject)
	list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	m, err := c.Resolve(ctx, tag)
	switch {
	case err == nil:
		if err := json.Unmarshal(m.Raw, &list); err != nil {
			return fmt.Errorf("reading %s: %w", images.Familiar(tag), err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	before := len(list.Manifests)
	for _, r := range referrers {
		if !slices.ContainsFunc(list.Manifests, func(d v1.Descriptor) bool { return d.Digest == r.Digest }) {
			list.Manifests = append(list.Manifests, r)
		}
	}
	if len(list.Manifests) == before {
		return nil
	}
	return c.pushIndexManifest(ctx, tag, list)
}

// pushIndexManifest pushes an index whose manifests the registry has.
func (c *Client) pushIndexManifest(ctx context.Context, tag name.Tag, manifest v1.IndexManifest) error {
	raw, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	m := &Manifest{Descriptor: v1.Descriptor{MediaType: manifest.MediaType}, Raw: raw, client: c, repo: tag.Context(), label: images.Familiar(tag), ctx: ctx}
	if m.Descriptor.Digest, m.Descriptor.Size, err = v1.SHA256(bytes.NewReader(raw)); err != nil {
		return err
	}
	if err := c.store.Put(ctx, m.Descriptor, bytes.NewReader(raw)); err != nil {
		return err
	}
	index, err := m.Index()
	if err != nil {
		return err
	}
	_, err = c.Push(ctx, tag, index)
	return err
}

// referrersTag returns the tag of the index of referrers in registries without the referrers API.
func referrersTag(subject name.Digest) name.Tag {
	h, err := v1.NewHash(subject.DigestStr())
	if err != nil {
		panic(err) // a name.Digest is valid
	}
	return subject.Context().Tag(h.Algorithm + "-" + h.Hex)
}

// referrers requests the list of referrers. hasList is false if the registry does not have the API. The specification
// requires status 404 then; some registries send others (go-containerregistry's fetcher.fetchReferrers has the same
// list).
func (c *Client) referrers(ctx context.Context, e *transport.Endpoint, subject name.Digest) (found []v1.Descriptor, hasList bool, err error) {
	r, err := e.NewRequest(ctx, http.MethodGet, "referrers", subject.DigestStr())
	if err != nil {
		return nil, false, err
	}
	r.Header = http.Header{"Accept": {string(types.OCIImageIndex)}}
	hasList, err = c.pages(ctx, e, r, "referrers", func(raw []byte) error {
		var page v1.IndexManifest
		err := json.Unmarshal(raw, &page)
		found = append(found, page.Manifests...)
		return err
	}, http.StatusNotFound, http.StatusBadRequest, http.StatusNotAcceptable)
	return found, hasList, err
}
