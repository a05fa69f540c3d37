package release

import (
	"os"
	"strings"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/internal/redact"
)

// minSecret is how long a value must be, in bytes, to be taken for a secret because of the name of its variable: a
// variable such as AUTH=none holds none.
const minSecret = 8

// secrets returns the values that no proof may contain, as far as this run can know them: those of the variables that
// slipway.yaml names as secrets, and those of variables with the name of a secret.
func (r *Release) secrets() *redact.Secrets {
	secrets := &redact.Secrets{}
	secrets.Add(r.options.Password, r.options.GitHubToken)
	for _, name := range r.secretVariables() {
		value, _ := r.options.Getenv(name)
		secrets.Add(value)
	}
	addNamed := func(name, value string) {
		if redact.SecretName(name) && len(value) >= minSecret {
			secrets.Add(value)
		}
	}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		addNamed(name, value)
	}
	for name, value := range r.Config.Vars {
		addNamed(name, value)
	}
	for name, value := range r.Config.Linked {
		addNamed(name, value)
	}
	return secrets
}

// secretVariables returns the names of the environment variables that slipway.yaml names as secrets of hooks and images,
// as passwords and tokens of destinations, and as what signs.
func (r *Release) secretVariables() []string {
	sign := r.Config.Sign
	source := proof.KeySource{Key: sign.Key, Password: sign.Password, Secrets: sign.Secrets}
	if sign.Keyless != nil {
		source.Keyless = &proof.Keyless{Token: sign.Keyless.Token}
	}
	names := append([]string{"GITLAB_TOKEN"}, source.SecretVariables()...)
	shared := r.sharedCache()
	names = append(names, proof.KeySource{Key: shared.Key, Password: shared.Password}.SecretVariables()...)
	hooks := r.Config.Hooks
	all := append(append([]config.Hook{}, hooks.Before...), hooks.After...)
	for _, b := range r.Config.Binaries {
		all = append(append(all, b.Before...), b.After...)
	}
	for _, i := range r.Config.Images {
		all = append(append(all, i.Before...), i.After...)
		for _, secret := range i.Secrets {
			for _, field := range strings.Split(secret, ",") {
				// id=NAME alone is the variable of that name; see session.ParseSecret.
				if key, value, _ := strings.Cut(field, "="); key == "env" || key == "id" {
					names = append(names, value)
				}
			}
		}
	}
	for _, h := range all {
		names = append(names, h.Secrets...)
	}
	for _, d := range r.Config.Publish {
		names = append(names, string(d.Credentials.Password), string(d.Credentials.Token))
	}
	return names
}
