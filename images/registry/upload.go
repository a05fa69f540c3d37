package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/registry/transport"
)

// blob makes sure that the registry has a blob. open returns its content. Without trust, the blob
// is sent even if the registry claims to have it.
func (p *pushing) blob(ctx context.Context, d v1.Descriptor, open func() (io.ReadCloser, error), trust bool) error {
	repo := p.repo
	// Images of one index share layers and are pushed concurrently.
	return p.client.share(ctx, fmt.Sprintf("push %s@%s %v", repo.Name(), d.Digest, trust), func() error {
		body := &uploadBody{task: p.task, open: open}
		defer body.Close()
		err := p.client.pace.Try(ctx, func() error {
			if trust {
				_, found, err := head(ctx, p.client.requests, p.endpoint, "blobs", d.Digest.String(), "")
				if err != nil || found == present {
					return err
				}
			}
			err := p.upload(ctx, d, body, trust)
			body.broke(err)
			return err
		})
		if err == nil {
			p.client.settled(repo, d.Digest)
		}
		return err
	})
}

// upload mounts or sends a blob (distribution-spec, "Pushing blobs").
func (p *pushing) upload(ctx context.Context, d v1.Descriptor, body *uploadBody, trust bool) error {
	var location *url.URL
	if from, ok := p.client.homeOf(p.repo, d.Digest); ok && trust {
		var mounted bool
		if location, mounted = p.mount(ctx, d, from); mounted {
			p.moved.Store(true)
			return nil
		}
	}
	// Open the content before acquiring a slot: this may fetch a layer from another registry, which
	// needs a slot too.
	if err := body.prepare(); err != nil {
		return &transport.LocalError{Err: fmt.Errorf("reading blob %s: %w", d.Digest, err)}
	}
	release, err := p.client.transfers.Acquire(ctx)
	if err != nil {
		return transport.Ended(ctx)
	}
	defer release()
	if location == nil {
		if location, _, err = startUpload(ctx, p.endpoint, nil); err != nil {
			return err
		}
	}
	return p.send(ctx, d, location, body)
}

// mount requests a blob from another repository. A registry that declines starts an upload instead,
// and returns its location. After any other failure, the caller starts an upload.
func (p *pushing) mount(ctx context.Context, d v1.Descriptor, from name.Repository) (location *url.URL, mounted bool) {
	e, err := p.client.transport.Target(p.repo, from)
	if err != nil {
		return nil, false
	}
	release, err := p.client.requests.Acquire(ctx)
	if err != nil {
		return nil, false
	}
	defer release()
	location, mounted, err = startUpload(ctx, e, url.Values{"mount": {d.Digest.String()}, "from": {from.RepositoryStr()}})
	if err != nil {
		return nil, false
	}
	return location, mounted
}

// startUpload returns the location for the content of a blob.
func startUpload(ctx context.Context, e *transport.Endpoint, query url.Values) (location *url.URL, mounted bool, err error) {
	r, err := e.NewRequest(ctx, http.MethodPost, "blobs", "uploads/")
	if err != nil {
		return nil, false, err
	}
	if len(query) > 0 {
		r.URL.RawQuery = query.Encode()
	}
	// Some servers require an explicit empty body.
	r.Open = noBody
	resp, err := e.Do(ctx, r, http.StatusAccepted, http.StatusCreated)
	if err != nil {
		return nil, false, err
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusCreated {
		return nil, true, nil
	}
	location, err = resp.Location()
	if err != nil {
		return nil, false, fmt.Errorf("its upload location is invalid: %w", err)
	}
	if location.Host == r.URL.Host {
		// Behind a proxy that terminates TLS, a registry may return an http location.
		location.Scheme = r.URL.Scheme
	}
	return location, false, e.CheckHop(location)
}

func noBody() (io.ReadCloser, error) { return http.NoBody, nil }

// send sends a blob in one request.
func (p *pushing) send(ctx context.Context, d v1.Descriptor, location *url.URL, body *uploadBody) error {
	query := location.Query()
	query.Set("digest", d.Digest.String())
	location.RawQuery = query.Encode()
	body.once.Do(func() { p.sending(d.Size) })
	r := transport.Request{Method: http.MethodPut, URL: location, Open: body.next, Size: d.Size,
		Header: http.Header{"Content-Type": {"application/octet-stream"}}}
	if body.careful() {
		r.Header.Set("Expect", "100-continue")
	}
	resp, err := p.endpoint.Do(ctx, r, http.StatusCreated, http.StatusOK, http.StatusAccepted, http.StatusNoContent)
	var answer *transport.AnswerError
	if errors.As(err, &answer) && answer.TokenServer == "" &&
		(answer.Status == http.StatusNotFound || answer.Status == http.StatusRequestedRangeNotSatisfiable ||
			answer.Status == http.StatusExpectationFailed || answer.Has("BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID")) {
		// The registry lost the upload, for instance because servers behind a load balancer do not
		// share state, or it does not support Expect. The next attempt starts a new upload.
		return &transport.TemporaryError{Err: err}
	}
	if err != nil {
		return err
	}
	resp.Body.Close()
	if has := contentDigest(resp); has != (v1.Hash{}) && has != d.Digest {
		return fmt.Errorf("it received blob %s but reports %s", d.Digest, has)
	}
	return nil
}
