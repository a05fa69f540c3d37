package registry

import (
	"context"
	"fmt"

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
		raw, next, err := e.Page(ctx, r, what, maxManifest, none)
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
