package registry

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images"
)

// Login checks user and password with a registry, stores them, and returns where: a file or a
// credential helper. A registry with anonymous access does not check them.
func (c *Client) Login(ctx context.Context, registry name.Registry, user, password string) (where string, err error) {
	host := images.RegistryName(registry)
	if c.offline {
		return "", fmt.Errorf("offline: cannot log in to registry %s", host)
	}
	e, err := c.transport.Login(registry, user, password)
	if err != nil {
		return "", err
	}
	if err := c.pace.Try(ctx, func() error { return e.Ping(ctx) }); err != nil {
		return "", e.Explain("it", err)
	}
	return c.keys.Store(host, user, password)
}

// Logout removes the credentials that Login stored, and returns where they were.
func (c *Client) Logout(registry name.Registry) (where string, err error) {
	return c.keys.Erase(images.RegistryName(registry))
}
