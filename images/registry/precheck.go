package registry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/registry/transport"
)

// Tagged returns the digest of the manifest that a registry has under ref. ok is false if the tag
// does not exist, and also if the registry does not tell: some registries answer 401 or 403 for
// missing content. Only CheckPush tells whether a push is allowed.
func (c *Client) Tagged(ctx context.Context, ref name.Reference) (digest v1.Hash, ok bool, err error) {
	label := images.Familiar(ref)
	if c.offline {
		return v1.Hash{}, false, fmt.Errorf("offline: %s cannot be looked up", label)
	}
	e, err := c.transport.Target(ref.Context())
	if err != nil {
		return v1.Hash{}, false, err
	}
	err = c.pace.Try(ctx, func() error {
		has, found, err := head(ctx, c.requests, e, "manifests", ref.Identifier(), accept)
		digest, ok = has, found == present
		if err != nil || !ok || digest != (v1.Hash{}) {
			return err
		}
		// Docker-Content-Digest is optional (distribution-spec, "Pulling manifests").
		d, _, err := getManifest(ctx, e, ref)
		digest = d.Digest
		return err
	})
	if err != nil {
		return v1.Hash{}, false, e.Explain("image "+label, err)
	}
	return digest, ok, nil
}

// CheckPush returns an error if nothing can be pushed to repo. It starts an upload and cancels it,
// because registries have no other way to tell; it sends no content.
func (c *Client) CheckPush(ctx context.Context, repo name.Repository) error {
	if c.offline {
		return fmt.Errorf("offline: cannot push to %s", repo)
	}
	e, err := c.transport.Target(repo)
	if err != nil {
		return err
	}
	err = c.pace.Try(ctx, func() error {
		location, _, err := startUpload(ctx, e, nil)
		if err == nil && location != nil {
			cancelUpload(ctx, e, location)
		}
		return err
	})
	if err != nil {
		return e.Explain("repository "+repo.RepositoryStr(), err)
	}
	return nil
}

// Budget returns how many pulls a registry says that it still allows. ok is false if it has not said that.
func (c *Client) Budget(of name.Registry) (b transport.Budget, ok bool) {
	return c.transport.Budget(of)
}

// Offsets returns by how much the clocks of the hosts that have answered are ahead of this one.
func (c *Client) Offsets() map[string]time.Duration { return c.transport.Offsets() }

// cancelUpload ends an upload. Its error is ignored, because registries drop abandoned uploads, and
// not all of them implement this request.
func cancelUpload(ctx context.Context, e *transport.Endpoint, location *url.URL) {
	r := transport.Request{Method: http.MethodDelete, URL: location, Header: http.Header{}}
	if resp, err := e.Do(ctx, r, http.StatusNoContent, http.StatusAccepted, http.StatusOK); err == nil {
		resp.Body.Close()
	}
}
