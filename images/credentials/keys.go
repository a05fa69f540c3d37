package credentials

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/slipway-build/slipway/internal/dockerhub"
	"github.com/slipway-build/slipway/internal/regular"
)

// Options are the sources of credentials.
type Options struct {
	// Given maps registries, such as 127.0.0.1:5000 or docker.io, and paths in registries, such as
	// quay.io/team, to credentials. The longest path wins. They take precedence over files.
	Given map[string]authn.AuthConfig
	// Files are auth files in order of precedence. Missing files are skipped. Login writes to the
	// first.
	Files []string
}

// Keys looks up credentials. Each registry is looked up once, because a lookup may run a credential
// helper. All methods may be called from several goroutines.
type Keys struct {
	given map[string]authn.AuthConfig
	files []string

	mu     sync.Mutex
	loaded []*authFile
	errs   []error // of the files, set when they are loaded
	byHost map[string]Key
}

// An authFile is an existing auth file.
type authFile struct {
	path string
	*configfile.ConfigFile
	// below holds the credentials of paths, such as quay.io/team. They are separate because
	// Docker's library would use the credentials of any path for the registry.
	below map[string]types.AuthConfig
}

// setPathsApart moves the credentials of paths to below. The file must not be written afterwards.
func (f *authFile) setPathsApart() {
	f.below = map[string]types.AuthConfig{}
	for key, auth := range f.AuthConfigs {
		if !strings.Contains(key, "://") && strings.Contains(strings.TrimSuffix(key, "/"), "/") {
			f.below[key] = auth
			delete(f.AuthConfigs, key)
		}
	}
}

// New returns the keys for o. Files are read on first use.
func New(o Options) *Keys {
	k := &Keys{given: map[string]authn.AuthConfig{}, files: o.Files, byHost: map[string]Key{}}
	for registry, auth := range o.Given {
		k.Give(registry, auth)
	}
	return k
}

// Give sets the credentials of a registry, or of a path of one. It must not be called concurrently
// with other methods.
func (k *Keys) Give(where string, auth authn.AuthConfig) {
	if !strings.Contains(where, "://") {
		if registry, path, ok := strings.Cut(where, "/"); ok {
			where = canonical(registry) + "/" + path
		}
	}
	k.given[canonical(where)] = auth
}

// givenFor returns the credentials in Options.Given for a repository, or else for its registry.
func (k *Keys) givenFor(registry, repository string) (authn.AuthConfig, bool) {
	registry = canonical(registry)
	for path := repository; path != ""; path = path[:max(0, strings.LastIndexByte(path, '/'))] {
		if auth, ok := k.given[registry+"/"+path]; ok {
			return auth, true
		}
	}
	auth, ok := k.given[registry]
	return auth, ok
}

// hubKeys are the names of Docker Hub in auth files. Docker writes the first.
var hubKeys = append([]string{authn.DefaultAuthKey}, dockerhub.Names()...)

// canonical maps the several names of Docker Hub to one.
func canonical(registry string) string {
	if slices.Contains(hubKeys, registry) {
		return dockerhub.Name
	}
	return registry
}

// namesOf returns the names under which an auth file may list a registry.
func namesOf(registry string) []string {
	if canonical(registry) == dockerhub.Name {
		return hubKeys
	}
	return []string{registry}
}

// Key returns the credentials for a repository of a registry. The repository may be empty. The
// error of a file or helper is reported in Key.Trouble, and only if no other source has
// credentials, because the registry may allow anonymous access.
func (k *Keys) Key(registry, repository string) Key {
	if given, ok := k.givenFor(registry, repository); ok {
		return Key{AuthConfig: given, From: "slipway's settings"}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.loaded == nil && k.errs == nil {
		k.load()
	}
	for _, f := range k.loaded {
		if found, ok := f.namespaced(registry, repository); ok {
			return found
		}
		if found := k.ofHost(f, registry); found.Known() {
			return found
		}
	}
	trouble := slices.Clone(k.errs)
	for _, f := range k.loaded {
		trouble = append(trouble, k.ofHost(f, registry).Trouble)
	}
	return Key{Trouble: errors.Join(trouble...)}
}

// ofHost looks up a registry in a file and its helpers, once.
func (k *Keys) ofHost(f *authFile, registry string) Key {
	at := f.path + " " + canonical(registry)
	found, ok := k.byHost[at]
	if !ok {
		found = f.ofHost(registry)
		k.byHost[at] = found
	}
	return found
}

func (k *Keys) load() {
	k.errs = []error{}
	for _, file := range k.files {
		f, err := open(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			k.errs = append(k.errs, err)
			continue
		}
		f.setPathsApart()
		k.loaded = append(k.loaded, f)
	}
}

// open reads an auth file.
func open(file string) (*authFile, error) {
	r, err := regular.Open(file)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	f := &authFile{path: file, ConfigFile: configfile.New(file)}
	if err := f.LoadFromReader(r); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return f, nil
}

// namespaced finds credentials of a repository or of a path above it, as podman writes them. The
// longest path wins.
func (f *authFile) namespaced(registry, repository string) (Key, bool) {
	for path := repository; path != ""; path = path[:max(0, strings.LastIndexByte(path, '/'))] {
		for _, name := range namesOf(registry) {
			if auth, ok := f.below[name+"/"+path]; ok && isSet(auth) {
				return f.key(auth), true
			}
		}
	}
	return Key{}, false
}

func (f *authFile) ofHost(registry string) Key {
	names := namesOf(registry)
	// Helpers know Docker Hub only by its first name.
	auth, err := f.get(names[0])
	if err == nil && isSet(auth) {
		return f.key(auth)
	}
	for _, name := range names[1:] {
		if auth := f.AuthConfigs[name]; isSet(auth) {
			return f.key(auth)
		}
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", f.path, err)
	}
	return Key{Trouble: err}
}

func (f *authFile) key(auth types.AuthConfig) Key {
	return Key{From: f.path, AuthConfig: authn.AuthConfig{
		Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	}}
}

func isSet(auth types.AuthConfig) bool {
	return auth.Username != "" || auth.Password != "" || auth.Auth != "" || auth.IdentityToken != "" || auth.RegistryToken != ""
}
