package release

import (
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/internal/usage"
)

// credentials returns the credentials of the destinations whose variables are set, by registry and path. They are used
// for pulling, too.
func (r *Release) credentials() map[string]authn.AuthConfig {
	found := map[string]authn.AuthConfig{}
	for _, d := range r.Plan.Destinations {
		l, err := r.login(d)
		if scope := d.Scope(); scope != "" && l.user != "" && err == nil {
			found[scope] = authn.AuthConfig{Username: l.user, Password: l.password}
		}
	}
	return found
}

// checkCredentials returns an error for each variable that is not set but has credentials of a destination of this run.
func (p *publication) checkCredentials() error {
	var errs []error
	for _, d := range p.destinations() {
		_, err := p.login(d)
		errs = append(errs, err)
	}
	return usage.Wrap(errors.Join(errs...))
}

// A login has the values of a destination's credentials. They are empty if it has none.
type login struct{ user, password, token string }

func (r *Release) login(d config.Destination) (login, error) {
	var errs []error
	value := func(name config.EnvName, what string) string {
		if name == "" {
			return ""
		}
		text, _ := r.options.Getenv(string(name))
		if text == "" {
			errs = append(errs, fmt.Errorf("%s: environment variable %s is not set: it must contain the %s for the %s", d.Credentials.Position, name, what, d))
		}
		return text
	}
	c := d.Credentials
	found := login{value(c.Username, "user"), value(c.Password, "password"), value(c.Token, "session token")}
	return found, errors.Join(errs...)
}
