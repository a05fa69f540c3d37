package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/registry/transport"
	"github.com/slipway-build/slipway/images/store"
)

// A Manifest is the content of a reference in a registry: an image, an index, or anything else that
// has a manifest.
type Manifest struct {
	// Descriptor has the media type, digest and size.
	Descriptor v1.Descriptor
	// Raw is the manifest as the registry sent it, verified.
	Raw []byte

	client *Client
	repo   name.Repository
	// label describes the manifest in progress and errors.
	label string
	// ctx is the context of the caller of Resolve. The interfaces of go-containerregistry take
	// none; its own remote images store one as well.
	ctx context.Context
}

// maxManifest limits the size of a manifest, in bytes. The specification requires registries to
// accept at least 4 MiB.
const maxManifest = 16 << 20

// referenceKind is the kind of the store's records of what a tag last referred to.
const referenceKind = "reference"

// accept lists the media types that this package reads. Registries convert manifests for clients that list fewer.
var accept = strings.Join([]string{
	string(types.OCIImageIndex), string(types.DockerManifestList),
	string(types.OCIManifestSchema1), string(types.DockerManifestSchema2), "*/*",
}, ", ")

// Resolve gets the manifest that ref names, of any media type. A digest that the store has is not
// requested. A tag is always requested, but an unchanged manifest is not transferred again, and
// registries do not count that as a pull. Offline, a tag has its last known value, or that of the
// store's index.
func (c *Client) Resolve(ctx context.Context, ref name.Reference) (*Manifest, error) {
	return c.resolve(ctx, ref, images.Familiar(ref))
}

func (c *Client) resolve(ctx context.Context, ref name.Reference, label string) (*Manifest, error) {
	m := &Manifest{client: c, repo: ref.Context(), label: label, ctx: ctx}
	known, ok := c.remembered(ctx, ref)
	if ok {
		m.Descriptor = known
		m.Raw, ok = c.cached(ctx, &m.Descriptor)
	}
	if _, byDigest := ref.(name.Digest); ok && (byDigest || c.offline) {
		return m, nil
	}
	if c.offline {
		return nil, c.absent("the manifest of " + label)
	}
	_, byTag := ref.(name.Tag)
	err := c.fromAny(ctx, m.repo, byTag, "image "+label, func(e *transport.Endpoint) error {
		release, err := c.requests.Acquire(ctx)
		if err != nil {
			return transport.Ended(ctx)
		}
		defer release()
		if ok {
			digest, found, err := head(ctx, nil, e, "manifests", ref.Identifier(), accept)
			if err != nil || found == present && digest == known.Digest {
				return err
			}
			// The GET repeats other refusals, with their reasons.
		}
		m.Descriptor, m.Raw, err = getManifest(ctx, e, ref)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := c.remember(ctx, ref, m); err != nil {
		return nil, err
	}
	return m, nil
}

// fromAny calls do with each endpoint that repo can be pulled from until one succeeds. Only the registry itself is
// retried. See Transport.FromAny.
func (c *Client) fromAny(ctx context.Context, repo name.Repository, byTag bool, what string, do func(*transport.Endpoint) error) error {
	return c.transport.FromAny(repo, byTag, what, func(e *transport.Endpoint) error {
		if e.IsMirror() {
			return do(e)
		}
		return c.pace.Try(ctx, func() error { return do(e) })
	})
}

// getManifest gets and verifies a manifest.
func getManifest(ctx context.Context, e *transport.Endpoint, ref name.Reference) (v1.Descriptor, []byte, error) {
	r, err := e.NewRequest(ctx, http.MethodGet, "manifests", ref.Identifier())
	if err != nil {
		return v1.Descriptor{}, nil, err
	}
	r.Header.Set("Accept", accept)
	resp, err := e.Do(ctx, r, http.StatusOK)
	if err != nil {
		return v1.Descriptor{}, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
	if err != nil {
		return v1.Descriptor{}, nil, err
	}
	if len(raw) > maxManifest {
		return v1.Descriptor{}, nil, fmt.Errorf("the manifest has more than %d bytes", maxManifest)
	}
	d := v1.Descriptor{Size: int64(len(raw))}
	if d.Digest, _, err = v1.SHA256(bytes.NewReader(raw)); err != nil {
		return v1.Descriptor{}, nil, err
	}
	want := contentDigest(resp)
	if digest, ok := ref.(name.Digest); ok {
		if want, err = v1.NewHash(digest.DigestStr()); err != nil {
			return v1.Descriptor{}, nil, err
		}
	}
	if want != (v1.Hash{}) && want != d.Digest && want.Algorithm == d.Digest.Algorithm {
		return v1.Descriptor{}, nil, &store.ContentError{
			Want: v1.Descriptor{Digest: want, Size: d.Size}, Reason: fmt.Sprintf("the content has digest %s", d.Digest)}
	}
	d.MediaType, err = mediaType(raw, resp.Header.Get("Content-Type"))
	return d, raw, err
}

// A notManifestError is the error for content that is not JSON, such as a page in HTML.
type notManifestError struct{ error }

func (e *notManifestError) Error() string { return "not a manifest: " + e.error.Error() }
func (e *notManifestError) Unwrap() error { return e.error }

// mediaType returns the media type in the manifest itself, which its digest covers; else that of the response; else a
// guess from the content, since early OCI manifests contain no media type.
func mediaType(raw []byte, contentType string) (types.MediaType, error) {
	var m struct {
		MediaType types.MediaType `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
		Schema    int             `json:"schemaVersion"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return "", &notManifestError{err}
	}
	said, _, err := mime.ParseMediaType(contentType)
	switch {
	case m.MediaType != "":
		return m.MediaType, nil
	case err == nil && strings.HasPrefix(said, "application/vnd."):
		return types.MediaType(said), nil
	case m.Schema == 1:
		return types.DockerManifestSchema1, nil
	case m.Manifests != nil:
		return types.OCIImageIndex, nil
	}
	return types.OCIManifestSchema1, nil
}

// remembered returns the descriptor that the store has recorded for ref.
func (c *Client) remembered(ctx context.Context, ref name.Reference) (v1.Descriptor, bool) {
	var d v1.Descriptor
	if digest, ok := ref.(name.Digest); ok {
		h, err := v1.NewHash(digest.DigestStr())
		return v1.Descriptor{Digest: h}, err == nil && c.store.Has(h)
	}
	if raw, ok := c.store.Record(ctx, referenceKind, ref.Name()); ok && json.Unmarshal(raw, &d) == nil && c.store.Has(d.Digest) {
		return d, true
	}
	if !c.offline {
		return v1.Descriptor{}, false
	}
	d, err := c.store.Lookup(images.Qualified(ref))
	return v1.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}, err == nil
}

func (c *Client) remember(ctx context.Context, ref name.Reference, m *Manifest) error {
	if err := c.store.Put(ctx, m.Descriptor, bytes.NewReader(m.Raw)); err != nil {
		return err
	}
	if _, ok := ref.(name.Digest); ok {
		return nil
	}
	raw, err := json.Marshal(m.Descriptor)
	if err != nil {
		return err
	}
	return c.store.SetRecord(referenceKind, ref.Name(), raw)
}

// cached reads a manifest from the store, and completes its descriptor. A damaged manifest is
// removed.
func (c *Client) cached(ctx context.Context, d *v1.Descriptor) ([]byte, bool) {
	raw, err := c.store.ReadBlob(d.Digest, maxManifest)
	var damage *store.DamagedError
	if errors.As(err, &damage) {
		damage.Warn(ctx)
	}
	if err != nil {
		return nil, false
	}
	d.Size = int64(len(raw))
	if d.MediaType == "" {
		d.MediaType, err = mediaType(raw, "")
	}
	return raw, err == nil
}

// child resolves an entry of an index.
func (m *Manifest) child(d v1.Descriptor) (*Manifest, error) {
	label := m.label
	if d.Platform != nil && d.Platform.OS != "" && d.Platform.OS != "unknown" {
		label += " " + images.FormatPlatform(*d.Platform)
	}
	child, err := m.client.resolve(m.ctx, m.repo.Digest(d.Digest.String()), label)
	if errors.Is(err, fs.ErrNotExist) && !m.client.offline {
		return nil, fmt.Errorf("%w (entry %s of its index)", err, d.Digest)
	}
	return child, err
}

// choose returns the image for platform.
func (m *Manifest) choose(platform v1.Platform) (v1.Image, error) {
	if m.Descriptor.MediaType.IsIndex() {
		index, err := m.Index()
		if err != nil {
			return nil, err
		}
		return images.ImageFor(index, platform)
	}
	image, err := m.Image()
	if err != nil {
		return nil, err
	}
	return image, images.ImageServes(image, nil, platform)
}
