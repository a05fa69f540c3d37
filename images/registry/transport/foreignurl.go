package transport

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
)

// A ForeignURL is an address of content outside of any registry (image-spec/descriptor.md, "urls"). Requests to it
// contain no credentials.
type ForeignURL struct {
	url  *url.URL
	wire http.RoundTripper
}

// ForeignURL parses text, a URL in a manifest of the endpoint's registry. A registry on the Internet must not refer to
// an address in this network.
func (e *Endpoint) ForeignURL(text string) (*ForeignURL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("not an http or https URL")
	}
	if err := e.CheckHop(u); err != nil {
		return nil, err
	}
	wire := e.transport.wire
	// The host may be configured with a CA of its own.
	if r, err := name.NewRegistry(u.Host); err == nil {
		known, err := e.transport.hostsOf(r)
		if err != nil {
			return nil, err
		}
		wire = known[len(known)-1].wire
	}
	return &ForeignURL{u, wire}, nil
}

// Get requests the content once. A status that is not in want is an *AnswerError.
func (f *ForeignURL) Get(ctx context.Context, header http.Header, want ...int) (*http.Response, error) {
	req, err := Request{Method: http.MethodGet, URL: f.url, Header: header}.http(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: f.wire, CheckRedirect: checkRedirect}).Do(req)
	if err != nil {
		return nil, err
	}
	if slices.Contains(want, resp.StatusCode) {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, newAnswerError(resp)
}
