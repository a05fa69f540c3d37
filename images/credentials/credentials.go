// Package credentials knows who we are to registries: from the auth files that docker
// login and podman login write, and from their credential helpers. It writes such files
// the same way.
//
// An auth file is Docker's config.json or podman's auth.json
// (https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md): auths
// by registry, or by a path below it, credHelpers and credsStore.
package credentials

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
)

// A Key is what is known about who we are to a registry. The zero value is nobody.
type Key struct {
	authn.AuthConfig
	// From says where it was found.
	From string
	// Trouble is why some auth file could not be asked, if nothing was found.
	Trouble error
}

// Authenticator is the key for go-containerregistry.
func (k Key) Authenticator() authn.Authenticator {
	if !k.Known() {
		return authn.Anonymous
	}
	return authn.FromConfig(k.AuthConfig)
}

// Known reports whether there are credentials at all.
func (k Key) Known() bool { return k.AuthConfig != (authn.AuthConfig{}) }

// Login returns user and password, or a token in place of the password.
func (k Key) Login() (user, password string) {
	if k.Username == "" && k.Password == "" && k.Auth != "" {
		if raw, err := base64.StdEncoding.DecodeString(k.Auth); err == nil {
			user, password, _ = strings.Cut(string(raw), ":")
			return user, password
		}
	}
	return k.Username, k.Password
}

// Secrets are the parts of the credentials that nobody may read, in all forms in which
// they are sent.
func (k Key) Secrets() []string {
	user, password := k.Login()
	return []string{password, k.Auth, k.IdentityToken, k.RegistryToken,
		base64.StdEncoding.EncodeToString([]byte(user + ":" + password))}
}

// String names the credentials without their secrets.
func (k Key) String() string {
	user, _ := k.Login()
	switch {
	case !k.Known():
		return "no credentials"
	case k.IdentityToken != "" && (user == "" || user == "<token>"):
		return "the identity token of " + k.From
	case user != "":
		return fmt.Sprintf("user %s of %s", user, k.From)
	}
	return "the token of " + k.From
}
