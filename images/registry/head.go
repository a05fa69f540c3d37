package registry

import (
	"context"
	"net/http"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/registry/transport"
	"github.com/slipway-build/slipway/internal/parallel"
)

// A finding is the result of a HEAD for a manifest or a blob.
type finding int

const (
	absent finding = iota
	present
	// refused means that the registry does not tell. Some registries answer 403 for missing
	// content, and some deny reading to users who may write.
	refused
)

// head requests the headers of a manifest or a blob, and returns its digest, or zero if the
// registry does not send it. It holds one of slots, unless that is nil.
func head(ctx context.Context, slots parallel.Slots, e *transport.Endpoint, kind, id, accept string) (digest v1.Hash, found finding, err error) {
	if slots != nil {
		release, err := slots.Acquire(ctx)
		if err != nil {
			return v1.Hash{}, absent, transport.Ended(ctx)
		}
		defer release()
	}
	r, err := e.NewRequest(ctx, http.MethodHead, kind, id)
	if err != nil {
		return v1.Hash{}, absent, err
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	resp, err := e.Do(ctx, r, http.StatusOK, http.StatusNotFound)
	if err != nil {
		if transport.IsRefusal(err) {
			return v1.Hash{}, refused, nil
		}
		return v1.Hash{}, absent, err
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return v1.Hash{}, absent, nil
	}
	return contentDigest(resp), present, nil
}

// contentDigest returns the Docker-Content-Digest header, or zero if it is missing or invalid.
func contentDigest(resp *http.Response) v1.Hash {
	h, err := v1.NewHash(resp.Header.Get("Docker-Content-Digest"))
	if err != nil {
		return v1.Hash{}
	}
	return h
}
