package credentials

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/cli/cli/config/types"
	"github.com/docker/docker-credential-helpers/client"
	helpers "github.com/docker/docker-credential-helpers/credentials"

	"github.com/slipway-build/slipway/internal/process"
)

// helper returns the name of the helper program with the credentials of key, or "".
func (f *authFile) helper(key string) string {
	name, ok := f.CredentialHelpers[key]
	if !ok {
		name = f.CredentialsStore
	}
	if name == "" {
		return ""
	}
	return "docker-credential-" + name
}

// identityToken is the user name that helpers store with an identity token.
const identityToken = "<token>"

// get returns the credentials of key, or empty ones.
func (f *authFile) get(key string) (types.AuthConfig, error) {
	name := f.helper(key)
	if name == "" {
		return f.GetAuthConfig(key)
	}
	found, err := client.Get(program(name), key)
	switch {
	case helpers.IsErrCredentialsNotFound(err):
		return types.AuthConfig{}, nil
	case err != nil:
		return types.AuthConfig{}, err
	case found.Username == identityToken:
		return types.AuthConfig{ServerAddress: key, IdentityToken: found.Secret}, nil
	}
	return types.AuthConfig{ServerAddress: key, Username: found.Username, Password: found.Secret}, nil
}

// store writes the credentials of key. If a helper has the secret, the file still lists the key, as
// docker does.
func (f *authFile) store(key string, auth types.AuthConfig) error {
	if name := f.helper(key); name != "" {
		err := client.Store(program(name), &helpers.Credentials{ServerURL: key, Username: auth.Username, Secret: auth.Password})
		if err != nil {
			return err
		}
		auth.Username, auth.Password = "", ""
	}
	return credentials.NewFileStore(f).Store(auth)
}

// erase removes the credentials of key.
func (f *authFile) erase(key string) error {
	if name := f.helper(key); name != "" {
		if err := client.Erase(program(name), key); err != nil {
			return err
		}
	}
	return credentials.NewFileStore(f).Erase(key)
}

// program returns a function that runs a helper, for Docker's library.
func program(name string) client.ProgramFunc {
	return func(args ...string) client.Program { return &run{name: name, args: args} }
}

// A run is one execution of a helper.
type run struct {
	name string
	args []string
	in   io.Reader
}

func (r *run) Input(in io.Reader) { r.in = in }

// Output runs the helper and returns its output. Secrets go through pipes, never through arguments.
// Docker's library passes no context; a helper ends with this process.
func (r *run) Output() ([]byte, error) {
	ctx := context.Background()
	cmd := process.Command(ctx, r.name, r.args...)
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = r.in, &out, &said
	err := process.Run(ctx, cmd)
	if text := bytes.TrimSpace(said.Bytes()); err != nil && len(text) > 0 {
		err = errors.Join(err, errors.New(string(text)))
	}
	return out.Bytes(), err
}
