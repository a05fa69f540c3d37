package registry

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// A key is what is known about who we are to a registry.
type key struct {
	authn.AuthConfig
	// from says where it was found.
	from string
	// trouble is why Docker's config could not be asked.
	trouble error
}

// authenticator is key for go-containerregistry's transports.
func (k key) authenticator() authn.Authenticator {
	if k.AuthConfig == (authn.AuthConfig{}) {
		return authn.Anonymous
	}
	return authn.FromConfig(k.AuthConfig)
}

// known says whether there are credentials at all.
func (k key) known() bool { return k.AuthConfig != (authn.AuthConfig{}) }

// login returns user and password, or a token in place of the password.
func (k key) login() (user, password string) {
	if k.Username == "" && k.Password == "" && k.Auth != "" {
		if raw, err := base64.StdEncoding.DecodeString(k.Auth); err == nil {
			user, password, _ = strings.Cut(string(raw), ":")
			return user, password
		}
	}
	return k.Username, k.Password
}

// secrets are what of the credentials nobody may read, in all forms they are sent in.
func (k key) secrets() []string {
	user, password := k.login()
	return []string{password, k.Auth, k.IdentityToken, k.RegistryToken,
		base64.StdEncoding.EncodeToString([]byte(user + ":" + password))}
}

// String names the credentials without giving them away.
func (k key) String() string {
	user, _ := k.login()
	switch {
	case !k.known():
		return "no credentials"
	case k.IdentityToken != "" && (user == "" || user == "<token>"):
		return "the identity token of " + k.from
	case user != "":
		return fmt.Sprintf("user %s of %s", user, k.from)
	}
	return "the token of " + k.from
}

// keys finds credentials. Each registry is looked up once, as a credential helper is
// a program to run.
type keys struct {
	dir   string
	given map[string]authn.AuthConfig

	mu     sync.Mutex
	docker *configfile.ConfigFile
	err    error
	byHost map[string]key
}

func newKeys(dir string, given map[string]authn.AuthConfig) *keys {
	k := &keys{dir: dir, given: map[string]authn.AuthConfig{}, byHost: map[string]key{}}
	for host, auth := range given {
		// docker.io and index.docker.io are the same registry.
		if r, err := name.NewRegistry(host); err == nil {
			host = r.RegistryStr()
		}
		k.given[host] = auth
	}
	return k
}

// key returns the credentials for repo.
func (k *keys) key(repo name.Repository) key {
	if given, ok := k.given[repo.RegistryStr()]; ok {
		return key{AuthConfig: given, from: "slipway's settings"}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.docker == nil && k.err == nil {
		k.docker, k.err = k.load()
	}
	if k.err != nil {
		return key{trouble: k.err}
	}
	// Podman and others write credentials of a repository, or of a folder of
	// repositories, beside those of the registry.
	for path := hostName(repo.Registry) + "/" + repo.RepositoryStr(); strings.Contains(path, "/"); path = path[:strings.LastIndexByte(path, '/')] {
		if auth, ok := k.docker.AuthConfigs[path]; ok && isSet(auth) {
			return k.found(auth)
		}
	}
	host := repo.RegistryStr()
	known, ok := k.byHost[host]
	if !ok {
		known = k.lookUp(host)
		k.byHost[host] = known
	}
	return known
}

func (k *keys) load() (*configfile.ConfigFile, error) {
	if k.dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("finding Docker's config: %w", err)
		}
		k.dir = filepath.Join(home, ".docker")
	}
	return config.Load(k.dir)
}

func (k *keys) lookUp(host string) key {
	asked, aliases := host, []string(nil)
	if host == name.DefaultRegistry {
		// The first is what Docker writes, the others are other programs'.
		asked, aliases = authn.DefaultAuthKey, []string{"docker.io", host}
	}
	auth, err := k.docker.GetAuthConfig(asked)
	if err == nil && isSet(auth) {
		return k.found(auth)
	}
	for _, alias := range aliases {
		if auth := k.docker.AuthConfigs[alias]; isSet(auth) {
			return k.found(auth)
		}
	}
	return key{trouble: err}
}

func isSet(auth types.AuthConfig) bool {
	return auth.Username != "" || auth.Password != "" || auth.Auth != "" || auth.IdentityToken != "" || auth.RegistryToken != ""
}

func (k *keys) found(auth types.AuthConfig) key {
	return key{from: filepath.Join(k.dir, config.ConfigFileName), AuthConfig: authn.AuthConfig{
		Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	}}
}

// Keychain hands the client's credentials to who talks to registries itself, such
// as an engine that keeps its cache in one.
func (c *Client) Keychain() authn.Keychain { return keychain{c.keys} }

type keychain struct{ keys *keys }

// Resolve implements authn.Keychain.
func (k keychain) Resolve(of authn.Resource) (authn.Authenticator, error) {
	repo, ok := of.(name.Repository)
	if !ok {
		registry, err := name.NewRegistry(of.RegistryStr())
		if err != nil {
			return nil, err
		}
		repo = registry.Repo("library")
	}
	found := k.keys.key(repo)
	return found.authenticator(), found.trouble
}
