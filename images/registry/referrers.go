package registry

import (
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
	"github.com/slipway-build/slipway/progress"
)

// maxReferrers limits the number of referrers of one subject.
const maxReferrers = 10_000

// Referrers returns the descriptors of the manifests that have subject as their subject, such as signatures, each once.
// It uses the referrers API, and also reads the index under the tag that clients maintain in registries without it
// (distribution-spec, "Listing Referrers", "Referrers Tag Schema"), since a registry may have introduced the API after
// the tag. If a mirror lists no referrers, the registry itself is asked as well.
//
// The descriptors come from the registry. Only the manifests prove that they refer to the subject.
func (c *Client) Referrers(ctx context.Context, subject name.Digest) ([]v1.Descriptor, error) {
	label := images.Familiar(subject)
	if c.offline {
		return nil, fmt.Errorf("offline: referrers of %s cannot be looked up", label)
	}
	var found []v1.Descriptor
	mirrored := false // whether a mirror has answered that the subject has no referrers
	err := c.fromAny(ctx, subject.Context(), true, "referrers of "+label, func(e *transport.Endpoint) error {
		listed, _, err := c.listReferrers(ctx, e, subject)
		if err == nil && len(listed) == 0 && e.IsMirror() {
			mirrored = true
			return &transport.AnswerError{Status: http.StatusNotFound}
		}
		found = listed
		return err
	})
	switch {
	case errors.Is(err, fs.ErrPermission):
		if _, known := c.refusing.LoadOrStore(subject.Context().Name(), true); !known {
			progress.Warn(ctx, fmt.Sprintf("only those referrers in %s are found that are listed under tags (sha256-…): %v", subject.Context(), err))
		}
	case err != nil && !mirrored:
		return nil, err
	}
	tagged, err := c.taggedReferrers(ctx, subject)
	list := v1.IndexManifest{Manifests: found}
	images.AddReferrers(&list, tagged)
	return list.Manifests, err
}

// taggedReferrers returns the entries of the index under the referrers tag.
func (c *Client) taggedReferrers(ctx context.Context, subject name.Digest) ([]v1.Descriptor, error) {
	tag := referrersTag(subject)
	m, ok, err := c.Lookup(ctx, tag)
	if !ok || err != nil {
		if errors.Is(err, fs.ErrPermission) {
			err = nil // some registries refuse what does not exist
		}
		return nil, err
	}
	if !m.Descriptor.MediaType.IsIndex() {
		progress.Warn(ctx, fmt.Sprintf("%s is not an index of referrers but %s, and is ignored", images.Familiar(tag), m.Descriptor.MediaType))
		return nil, nil
	}
	var list v1.IndexManifest
	if err := json.Unmarshal(m.Raw, &list); err != nil {
		return nil, fmt.Errorf("reading %s: %w", images.Familiar(tag), err)
	}
	return list.Manifests, nil
}

// Lookup is Resolve for a tag that may not exist, such as sha256-….sig of cosign. ok is false if the registry does not
// have it, or if its answer means that it cannot have such a tag: 405, or a page in HTML.
func (c *Client) Lookup(ctx context.Context, tag name.Tag) (m *Manifest, ok bool, err error) {
	if m, err = c.Resolve(ctx, tag); isAbsent(err) {
		return nil, false, nil
	}
	return m, err == nil, err
}

// isAbsent reports whether a registry does not have a manifest, or cannot have such tags; see Lookup.
func isAbsent(err error) bool {
	var (
		answer *transport.AnswerError
		wrong  *notManifestError
	)
	return errors.Is(err, fs.ErrNotExist) || errors.As(err, &wrong) || errors.As(err, &answer) && slices.Contains(unsupported, answer.Status)
}

// unsupported are the statuses with which registries answer requests that they do not know. The specification requires
// 404 for the referrers API.
var unsupported = []int{http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable,
	http.StatusGone, http.StatusUnsupportedMediaType, http.StatusNotImplemented}

// redirects are answers of registries that send requests that they do not know to a website: GHCR answers 303.
var redirects = []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect}

// listReferrers requests the list of referrers. hasList is false if the registry does not have the API.
func (c *Client) listReferrers(ctx context.Context, e *transport.Endpoint, subject name.Digest) (found []v1.Descriptor, hasList bool, err error) {
	r, err := e.NewRequest(ctx, http.MethodGet, "referrers", subject.DigestStr())
	if err != nil {
		return nil, false, err
	}
	r.Header, r.SameHost = http.Header{"Accept": {string(types.OCIImageIndex)}}, true
	var list v1.IndexManifest
	hasList, err = c.pages(ctx, e, r, "referrers", func(raw []byte) error {
		if !isReferrersList(raw) {
			return errNoList
		}
		var page v1.IndexManifest
		err := json.Unmarshal(raw, &page)
		images.AddReferrers(&list, page.Manifests)
		if len(list.Manifests) > maxReferrers {
			err = fmt.Errorf("it has more than %d", maxReferrers)
		}
		return err
	}, slices.Concat(unsupported, redirects)...)
	if errors.Is(err, errNoList) && len(list.Manifests) == 0 {
		return nil, false, nil
	}
	return list.Manifests, hasList, err
}

var errNoList = errors.New("want an index in JSON")

// isReferrersList reports whether an answer with status 200 is an index, and not the page in HTML or the empty object
// that some servers return for every request.
func isReferrersList(raw []byte) bool {
	var page struct {
		Manifests json.RawMessage `json:"manifests"`
		MediaType types.MediaType `json:"mediaType"`
	}
	return json.Unmarshal(raw, &page) == nil && (page.Manifests != nil || page.MediaType == types.OCIImageIndex)
}

// referrersTag returns the tag of the index of referrers in registries without the referrers API.
func referrersTag(subject name.Digest) name.Tag {
	h, err := v1.NewHash(subject.DigestStr())
	if err != nil {
		panic(err) // a name.Digest is valid
	}
	return subject.Context().Tag(images.ReferrersTag(h))
}
