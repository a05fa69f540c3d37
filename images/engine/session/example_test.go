package session_test

import (
	"fmt"

	"github.com/slipway-build/slipway/images/engine/session"
)

// Parse a secret and a cache, which are written as for docker buildx build.
func ExampleParseSecret() {
	environment := map[string]string{"TOKEN": "open-sesame"}
	lookup := func(name string) (string, bool) { value, ok := environment[name]; return value, ok }
	secret, err := session.ParseSecret("id=token,env=TOKEN", lookup)
	fmt.Println(secret.ID, len(secret.Value), err)
	cache, err := session.ParseCache("registry.example.com/acme/cache")
	fmt.Println(cache.Type, cache.Attrs["ref"], err)
	// Output:
	// token 11 <nil>
	// registry registry.example.com/acme/cache <nil>
}
