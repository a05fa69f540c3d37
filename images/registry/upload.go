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
)

// blob makes sure that the registry has a blob, whose bytes open yields.
func (p *pushing) blob(ctx context.Context, d v1.Descriptor, open func() (io.ReadCloser, error)) error {
	repo := p.endpoint.repo
	// Images of one index share layers, and are pushed at the same time.
	return p.client.share(ctx, "push "+repo.Name()+"@"+d.Digest.String(), func() error {
		err := p.client.try(ctx, func() error {
			_, ok, err := p.endpoint.head(ctx, "blobs", d.Digest.String(), "")
			if err != nil || ok {
				return err
			}
			return p.upload(ctx, d, open)
		})
		if err == nil {
			p.client.settled(repo, d.Digest)
		}
		return err
	})
}

// upload mounts or sends a blob (distribution-spec, "Pushing blobs").
func (p *pushing) upload(ctx context.Context, d v1.Descriptor, open func() (io.ReadCloser, error)) error {
	var location *url.URL
	if from, ok := p.client.homeOf(p.endpoint.repo, d.Digest); ok {
		var mounted bool
		if location, mounted = p.mount(ctx, d, from); mounted {
			p.moved.Store(true)
			return nil
		}
	}
	// Opened before there is a slot, since a layer of another registry is fetched by
	// that, and waits for one itself.
	content, err := open()
	if err != nil {
		return &localError{fmt.Errorf("reading blob %s: %w", d.Digest, err)}
	}
	defer content.Close()
	release, err := p.client.transfers.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	if location == nil {
		if location, _, err = p.endpoint.startUpload(ctx, nil); err != nil {
			return err
		}
	}
	return p.send(ctx, d, location, content)
}

// mount asks for a blob of another repository. A registry that does not want to
// begins an upload in its place, or has its reasons, which are not ours.
func (p *pushing) mount(ctx context.Context, d v1.Descriptor, from name.Repository) (location *url.URL, mounted bool) {
	e := p.client.endpoint(p.endpoint.repo, push, from)
	location, mounted, err := e.startUpload(ctx, url.Values{"mount": {d.Digest.String()}, "from": {from.RepositoryStr()}})
	if err != nil {
		return nil, false
	}
	return location, mounted
}

// startUpload returns where a blob is to be sent.
func (e *endpoint) startUpload(ctx context.Context, query url.Values) (location *url.URL, mounted bool, err error) {
	u := e.url("blobs", "uploads/")
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	if err != nil {
		return nil, false, err
	}
	resp, err := e.do(req, http.StatusAccepted, http.StatusCreated)
	if err != nil {
		return nil, false, err
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusCreated {
		return nil, true, nil
	}
	location, err = resp.Location()
	if err != nil {
		return nil, false, fmt.Errorf("it does not say where to send a blob: %w", err)
	}
	return location, false, checkHop(u, location)
}

// send sends a blob in one request.
func (p *pushing) send(ctx context.Context, d v1.Descriptor, location *url.URL, content io.Reader) error {
	query := location.Query()
	query.Set("digest", d.Digest.String())
	location.RawQuery = query.Encode()
	p.sending(d.Size)
	var body io.Reader = http.NoBody
	if d.Size > 0 {
		body = p.task.Reader(localReader{content})
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, location.String(), body)
	if err != nil {
		return err
	}
	req.ContentLength = d.Size
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := p.endpoint.do(req, http.StatusCreated, http.StatusOK, http.StatusAccepted, http.StatusNoContent)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if has := contentDigest(resp); has != (v1.Hash{}) && has != d.Digest {
		return fmt.Errorf("it was sent the blob %s and answers with %s", d.Digest, has)
	}
	return nil
}

// localReader tells errors of what is read from those of the network.
type localReader struct{ io.Reader }

func (r localReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &localError{err}
	}
	return n, err
}
