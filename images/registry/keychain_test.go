package registry_test

import (
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images/registry"
)

func TestKeychainHandsOutTheClientsCredentials(t *testing.T) {
	c := registry.New(registry.Options{Credentials: map[string]authn.AuthConfig{"registry.example.com:5000": {Username: "me", Password: "secret"}}})
	for _, of := range []string{"registry.example.com:5000", "registry.example.com"} {
		host, err := name.NewRegistry(of)
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range []authn.Resource{host, host.Repo("acme", "cache")} {
			found, err := c.Keychain().Resolve(resource)
			if err != nil {
				t.Fatal(err)
			}
			auth, err := found.Authorization()
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			if of == "registry.example.com:5000" {
				want = "me"
			}
			if auth.Username != want {
				t.Errorf("%s: user %q, want %q", resource, auth.Username, want)
			}
		}
	}
}
