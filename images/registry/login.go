package registry

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images/credentials"
)

// Login checks user and password with a registry, stores them, and returns the place. A registry
// with anonymous access does not check them.
func (c *Client) Login(ctx context.Context, registry name.Registry, user, password string) (where string, err error) {
	host := hostName(registry)
	if c.offline {
		return "", fmt.Errorf("offline: cannot log in to registry %s", host)
	}
	all, err := c.hostsOf(registry)
	if err != nil {
		return "", err
	}
	given := credentials.Key{AuthConfig: authn.AuthConfig{Username: user, Password: password}, From: "this login"}
	e := &endpoint{client: c, host: all[len(all)-1], repo: registry.Repo("library"), verb: "use", turn: make(slots, 1), given: &given}
	err = c.try(ctx, func() error {
		if err := e.host.greet(ctx); err != nil {
			return err
		}
		resp, err := e.do(ctx, request{method: http.MethodGet, url: e.host.url("/")}, http.StatusOK)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
	if err != nil {
		return "", e.explain("it", err)
	}
	return c.keys.Store(host, user, password)
}

// Logout removes what Login stored, and returns the place.
func (c *Client) Logout(registry name.Registry) (where string, err error) {
	return c.keys.Erase(hostName(registry))
}
