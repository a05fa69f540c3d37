package registry

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
)

// A foreignURL is an address of content outside of any registry (image-spec/descriptor.md, "urls"). It receives
// no credentials.
type foreignURL struct {
	url  *url.URL
	wire http.RoundTripper
}

// foreignURL returns the address in text, which a manifest of the endpoint's registry contains. A registry on the
// Internet must not name an address in this network.
func (e *endpoint) foreignURL(text string) (*foreignURL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("not an http or https URL")
	}
	if err := e.checkHop(u); err != nil {
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
	return &foreignURL{u, wire}, nil
}

// get requests the content once. A status that is not in want is an *answerError.
func (f *foreignURL) get(ctx context.Context, header http.Header, want ...int) (*http.Response, error) {
	req, err := request{method: http.MethodGet, url: f.url, header: header}.http(ctx)
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
