package release

import (
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/internal/usage"
)

// credentials returns those of the destinations whose variables are set, by registry and path. They serve for pulling,
// too.
func (r *Release) credentials() map[string]authn.AuthConfig {
	found := map[string]authn.AuthConfig{}
	for _, d := range r.Plan.Destinations {
		user, password, err := r.login(d)
		if scope := d.Scope(); scope != "" && user != "" && err == nil {
			found[scope] = authn.AuthConfig{Username: user, Password: password}
		}
	}
	return found
}

// checkCredentials returns an error for each variable with credentials that is not set, of the destinations that this run
// sends something to.
func (p *publication) checkCredentials() error {
	var errs []error
	for _, d := range p.destinations() {
		_, _, err := p.login(d)
		errs = append(errs, err)
	}
	return usage.Wrap(errors.Join(errs...))
}

// login returns the values of a destination's credentials; they are empty if it has none.
func (r *Release) login(d config.Destination) (user, password string, err error) {
	c := d.Credentials
	if c == (config.Credentials{}) {
		return "", "", nil
	}
	value := func(name config.EnvName, what string) string {
		text, _ := r.options.Getenv(string(name))
		if text == "" {
			err = errors.Join(err, fmt.Errorf("%s: environment variable %s is not set: it holds the %s for the %s", c.Position, name, what, d))
		}
		return text
	}
	return value(c.Username, "user"), value(c.Password, "password"), err
}
