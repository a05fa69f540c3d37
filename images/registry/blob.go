package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/registry/transport"
)

// OpenBlob requests a blob. Its content is neither verified nor kept in the store. Reading it fails when the transfer is
// interrupted.
func (c *Client) OpenBlob(ctx context.Context, repo name.Repository, digest v1.Hash) (blob io.ReadCloser, err error) {
	what := fmt.Sprintf("blob %s of %s", digest, repo.Name())
	if c.offline {
		return nil, c.absent(what)
	}
	err = c.fromAny(ctx, repo, false, what, func(e *transport.Endpoint) error {
		resp, err := blobSource{e, digest}.Get(ctx, http.Header{}, http.StatusOK)
		if err != nil {
			return err
		}
		blob = resp.Body
		return nil
	})
	return blob, err
}

// DeleteManifest deletes a manifest, and with it all tags that refer to it (distribution-spec, "Deleting Manifests").
// Many registries do not allow it.
func (c *Client) DeleteManifest(ctx context.Context, digest name.Digest) error {
	if c.offline {
		return fmt.Errorf("offline: cannot delete %s", digest)
	}
	e, err := c.transport.Target(digest.Context())
	if err != nil {
		return err
	}
	gone := false
	err = c.pace.Try(ctx, func() error {
		r, err := e.NewRequest(ctx, http.MethodDelete, "manifests", digest.DigestStr())
		if err != nil {
			return err
		}
		resp, err := e.Do(ctx, r, http.StatusAccepted, http.StatusOK, http.StatusNoContent, http.StatusNotFound)
		if err != nil {
			return err
		}
		gone = resp.StatusCode == http.StatusNotFound
		return resp.Body.Close()
	})
	if err == nil && gone {
		return images.Absentf("%s does not exist", digest.Name())
	}
	return e.Explain("manifest "+digest.Name(), err)
}
