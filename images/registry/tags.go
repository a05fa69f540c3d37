package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images/registry/transport"
)

// maxTagPages limits the number of pages of a list of tags, against a registry that never ends it.
const maxTagPages = 1000

// Tags returns the tags of a repository, in the order of the registry (distribution-spec, "Listing Tags"). A repository
// that does not exist has none.
func (c *Client) Tags(ctx context.Context, repo name.Repository) (tags []string, err error) {
	if c.offline {
		return nil, fmt.Errorf("offline: the tags of %s cannot be listed", repo)
	}
	e, err := c.transport.Target(repo)
	if err != nil {
		return nil, err
	}
	err = c.pace.Try(ctx, func() (err error) {
		tags, err = c.tags(ctx, e)
		return err
	})
	return tags, e.Explain("tags of "+repo.RepositoryStr(), err)
}

func (c *Client) tags(ctx context.Context, e *transport.Endpoint) (tags []string, err error) {
	release, err := c.requests.Acquire(ctx)
	if err != nil {
		return nil, transport.Ended(ctx)
	}
	defer release()
	r, err := e.NewRequest(ctx, http.MethodGet, "tags", "list")
	if err != nil {
		return nil, err
	}
	for range maxTagPages {
		page, next, err := tagsPage(ctx, e, r)
		if err != nil {
			return nil, err
		}
		tags = append(tags, page...)
		if next == nil {
			return tags, nil
		}
		if !e.Serves(next) {
			return nil, fmt.Errorf("the list of tags continues at another host, %s", next.Host)
		}
		r.URL = next
	}
	return nil, fmt.Errorf("the list of tags has more than %d pages", maxTagPages)
}

func tagsPage(ctx context.Context, e *transport.Endpoint, r transport.Request) (tags []string, next *url.URL, err error) {
	resp, err := e.Do(ctx, r, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil, nil, nil
	}
	var page struct {
		Tags []string `json:"tags"`
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
	if err != nil {
		return nil, nil, err
	}
	if len(raw) > maxManifest {
		return nil, nil, fmt.Errorf("the list of tags has more than %d bytes", maxManifest)
	}
	if err := json.Unmarshal(raw, &page); err != nil {
		return nil, nil, fmt.Errorf("not a list of tags: %w", err)
	}
	next, err = nextPage(resp)
	return page.Tags, next, err
}

// nextPage returns the URL of the next page of a list, or nil after the last one.
func nextPage(resp *http.Response) (*url.URL, error) {
	link := nextLink.FindStringSubmatch(resp.Header.Get("Link"))
	if link == nil {
		return nil, nil
	}
	return resp.Request.URL.Parse(link[1])
}
