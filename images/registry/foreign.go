package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/registry/transport"
)

// isForeign reports whether registries need not store the layer (image-spec/layer.md,
// "Non-Distributable Layers").
func isForeign(d v1.Descriptor) bool {
	return len(d.URLs) > 0 && images.IsForeignLayer(d.MediaType)
}

// fromURLs fetches a blob from the URLs of its descriptor, in order. refused is the error of the
// registry, for the message.
func (f *fetching) fromURLs(ctx context.Context, from *transport.Endpoint, what string, refused error) error {
	reasons, absent := []string{refused.Error()}, errors.Is(refused, fs.ErrNotExist)
	for _, text := range f.want.URLs {
		err := f.fromURL(ctx, from, text)
		var ours *transport.LocalError
		if err == nil || transport.IsEnded(err) || errors.As(err, &ours) {
			return err
		}
		var answer *transport.AnswerError
		absent = absent && errors.As(err, &answer) && answer.Status == http.StatusNotFound
		reasons = append(reasons, fmt.Sprintf("%s: %s", plainURL(text), from.Plainly(err)))
	}
	cause := refused
	if absent {
		cause = fs.ErrNotExist
	}
	return transport.Failure(fmt.Sprintf("%s was not found anywhere: %s", what, strings.Join(reasons, "; ")), cause)
}

func (f *fetching) fromURL(ctx context.Context, from *transport.Endpoint, text string) error {
	u, err := from.ForeignURL(text)
	if err != nil {
		return err
	}
	f.source, f.attempts = u, f.client.pace.Begin()
	return f.run(ctx)
}

// plainURL returns text, a URL, without its parts that may be secret.
func plainURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a URL that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
