package credentials

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
)

// A Key has the credentials for a registry. The zero value has none.
type Key struct {
	authn.AuthConfig
	// From names the file, helper or setting with the credentials.
	From string
	// Trouble is the error of an auth file that could not be read, if no credentials were found.
	Trouble error
}

// Authenticator returns the credentials for go-containerregistry.
func (k Key) Authenticator() authn.Authenticator {
	if !k.Known() {
		return authn.Anonymous
	}
	return authn.FromConfig(k.AuthConfig)
}

// Known reports whether the key has credentials.
func (k Key) Known() bool { return k.AuthConfig != (authn.AuthConfig{}) }

// Login returns user and password. With a token, the user is the one that Docker's library expects
// and the password is the token.
func (k Key) Login() (user, password string) {
	if k.Username == "" && k.Password == "" && k.Auth != "" {
		if raw, err := base64.StdEncoding.DecodeString(k.Auth); err == nil {
			user, password, _ = strings.Cut(string(raw), ":")
			return user, password
		}
	}
	return k.Username, k.Password
}

// Secrets returns all secret parts of the credentials, in every form in which they are sent, so
// that they can be redacted.
func (k Key) Secrets() []string {
	user, password := k.Login()
	return []string{password, k.Auth, k.IdentityToken, k.RegistryToken,
		base64.StdEncoding.EncodeToString([]byte(user + ":" + password))}
}

// String describes the credentials without their secrets.
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
