package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
)

// isForeign reports whether registries need not store the layer (image-spec/layer.md,
// "Non-Distributable Layers").
func isForeign(d v1.Descriptor) bool {
	return len(d.URLs) > 0 && images.IsForeignLayer(d.MediaType)
}

// fromURLs fetches a blob from the URLs of its descriptor, in order. refused is the registry's
// error.
func (f *fetching) fromURLs(ctx context.Context, from *endpoint, what string, refused error) error {
	reasons, absent := []string{refused.Error()}, errors.Is(refused, fs.ErrNotExist)
	for _, text := range f.want.URLs {
		err := f.fromURL(ctx, from, text)
		var ours *localError
		if err == nil || isEnded(err) || errors.As(err, &ours) {
			return err
		}
		var answer *answerError
		absent = absent && errors.As(err, &answer) && answer.status == http.StatusNotFound
		reasons = append(reasons, fmt.Sprintf("%s: %s", plainURL(text), from.plainly(err)))
	}
	cause := refused
	if absent {
		cause = fs.ErrNotExist
	}
	return &failure{fmt.Sprintf("%s was not found anywhere: %s", what, strings.Join(reasons, "; ")), cause}
}

func (f *fetching) fromURL(ctx context.Context, from *endpoint, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("not an http or https URL")
	}
	if err := checkHop(from.host.url(""), u); err != nil {
		return err
	}
	wire := f.client.wire
	// The host may be configured with a CA of its own.
	if r, err := name.NewRegistry(u.Host); err == nil {
		known, err := f.client.hostsOf(r)
		if err != nil {
			return err
		}
		wire = known[len(known)-1].wire
	}
	f.source, f.tries = urlSource{u, wire}, f.client.tries()
	return f.run(ctx)
}

// A urlSource is an address outside of any registry. It receives no credentials.
type urlSource struct {
	url  *url.URL
	wire http.RoundTripper
}

func (s urlSource) get(ctx context.Context, header http.Header, want ...int) (*http.Response, error) {
	req, err := request{method: http.MethodGet, url: s.url, header: header}.http(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: s.wire, CheckRedirect: checkRedirect}).Do(req)
	if err != nil {
		return nil, err
	}
	if slices.Contains(want, resp.StatusCode) {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, newAnswerError(resp)
}

// plainURL returns a URL without parts that may be secret.
func plainURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a URL that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
