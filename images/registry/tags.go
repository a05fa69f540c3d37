package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images/registry/transport"
)

// Tags returns the tags of a repository, in the order of the registry (distribution-spec, "Listing Tags"). For a
// repository that does not exist, it returns none and no error.
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
	r, err := e.NewRequest(ctx, http.MethodGet, "tags", "list")
	if err != nil {
		return nil, err
	}
	_, err = c.pages(ctx, e, r, "tags", func(raw []byte) error {
		var page struct {
			Tags []string `json:"tags"`
		}
		err := json.Unmarshal(raw, &page)
		tags = append(tags, page.Tags...)
		return err
	}, http.StatusNotFound)
	return tags, err
}
