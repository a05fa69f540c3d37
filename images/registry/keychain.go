package registry

import (
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images/credentials"
)

// Keychain provides the client's credentials to an engine, which talks to registries itself.
func (c *Client) Keychain() authn.Keychain { return keychain{c.keys} }

type keychain struct{ keys *credentials.Keys }

// Resolve implements authn.Keychain.
func (k keychain) Resolve(of authn.Resource) (authn.Authenticator, error) {
	repository := ""
	if repo, ok := of.(name.Repository); ok {
		repository = repo.RepositoryStr()
	}
	found := k.keys.Key(of.RegistryStr(), repository)
	return found.Authenticator(), found.Trouble
}
