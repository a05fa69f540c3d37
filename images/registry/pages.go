package registry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"

	"github.com/slipway-build/slipway/images/registry/transport"
)

// maxPages limits the number of pages of a list, in case a registry never ends it.
const maxPages = 1000

// pages requests a list of what, page by page, and calls read with each page. found is false if the registry answers
// with a status in none, which means that it has no list.
func (c *Client) pages(ctx context.Context, e *transport.Endpoint, r transport.Request, what string, read func(raw []byte) error, none ...int) (found bool, err error) {
	release, err := c.requests.Acquire(ctx)
	if err != nil {
		return false, transport.Ended(ctx)
	}
	defer release()
	for range maxPages {
		raw, next, err := page(ctx, e, r, what, none)
		if err != nil || raw == nil {
			return false, err
		}
		if err := read(raw); err != nil {
			return false, fmt.Errorf("not a list of %s: %w", what, err)
		}
		if next == nil {
			return true, nil
		}
		if !e.Serves(next) {
			return false, fmt.Errorf("the list of %s continues at another host, %s", what, next.Host)
		}
		r.URL = next
	}
	return false, fmt.Errorf("the list of %s has more than %d pages", what, maxPages)
}

// page requests one page. It returns nil if the status is one of none.
func page(ctx context.Context, e *transport.Endpoint, r transport.Request, what string, none []int) (raw []byte, next *url.URL, err error) {
	resp, err := e.Do(ctx, r, append([]int{http.StatusOK}, none...)...)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, nil, nil
	}
	raw, err = io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
	if err != nil {
		return nil, nil, err
	}
	if len(raw) > maxManifest {
		return nil, nil, fmt.Errorf("the list of %s has more than %d bytes", what, maxManifest)
	}
	if link := nextLink.FindStringSubmatch(resp.Header.Get("Link")); link != nil {
		next, err = resp.Request.URL.Parse(link[1])
	}
	return raw, next, err
}

// nextLink matches the Link header (RFC 8288) of a list with another page.
var nextLink = regexp.MustCompile(`<([^>]+)>\s*;\s*rel="?next"?`)
