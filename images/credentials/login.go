package credentials

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/cli/cli/config/types"

	"github.com/slipway-build/slipway/internal/dockerhub"
)

// Store stores user and password of a registry in the first auth file, or with the helper that the
// file names. It returns the name of the file or helper. The file is replaced atomically.
func (k *Keys) Store(registry, user, password string) (where string, err error) {
	f, key, err := k.toChange(registry)
	if err != nil {
		return "", err
	}
	auth := types.AuthConfig{ServerAddress: key, Username: user, Password: password}
	if err := f.store(key, auth); err != nil {
		return "", fmt.Errorf("storing credentials of %s: %w", registry, err)
	}
	return f.where(key), nil
}

// Erase removes the credentials of a registry from the first auth file and its helper. It returns
// the name of the helper, or else of the file.
func (k *Keys) Erase(registry string) (where string, err error) {
	f, key, err := k.toChange(registry)
	if err != nil {
		return "", err
	}
	if err := f.erase(key); err != nil {
		return "", fmt.Errorf("removing credentials of %s: %w", registry, err)
	}
	return f.where(key), nil
}

// toChange returns the file to change, and the key of the registry in it.
func (k *Keys) toChange(registry string) (*authFile, string, error) {
	if len(k.files) == 0 {
		return nil, "", errors.New("no auth file configured: set DOCKER_CONFIG or REGISTRY_AUTH_FILE")
	}
	path := k.files[0]
	f, err := open(path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = &authFile{path: path, ConfigFile: configfile.New(path)}, nil
	}
	if err != nil {
		return nil, "", err
	}
	docker := filepath.Base(path) == "config.json"
	if docker && !f.ContainsAuth() {
		// As docker login does: use the system's keychain if its helper is installed.
		f.CredentialsStore = credentials.DetectDefaultStore(f.CredentialsStore)
	}
	switch {
	case canonical(registry) != dockerhub.Name:
		return f, registry, nil
	case docker:
		return f, hubKeys[0], nil
	}
	return f, hubKeys[1], nil
}

// where returns the name of the helper that has the credentials of key, or else the path of the
// file.
func (f *authFile) where(key string) string {
	return cmp.Or(f.helper(key), f.path)
}
