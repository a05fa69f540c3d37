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

	"github.com/slipway-build/slipway/internal/regular"
)

// Options say where credentials are looked for.
type Options struct {
	// Given are by registry, such as 127.0.0.1:5000 or docker.io, and win over files.
	Given map[string]authn.AuthConfig
	// Files are auth files in the order in which they are asked. Those that are not
	// there are skipped. Login writes to the first.
	Files []string
}

// Keys finds credentials. A registry is looked up once, as a credential helper is a
// program to run. All methods may be called from several goroutines.
type Keys struct {
	given map[string]authn.AuthConfig
	files []string

	mu     sync.Mutex
	loaded []*authFile
	errs   []error // of the files, once they were loaded
	byHost map[string]Key
}

// An authFile is one that was there.
type authFile struct {
	path string
	*configfile.ConfigFile
	// below are credentials of paths, such as quay.io/team. Docker's library would take
	// those of any path for the registry's.
	below map[string]types.AuthConfig
}

// setPathsApart moves the credentials of paths out of the file's. It must not be written
// after that.
func (f *authFile) setPathsApart() {
	f.below = map[string]types.AuthConfig{}
	for key, auth := range f.AuthConfigs {
		if !strings.Contains(key, "://") && strings.Contains(strings.TrimSuffix(key, "/"), "/") {
			f.below[key] = auth
			delete(f.AuthConfigs, key)
		}
	}
}

// New returns the keys that o describes. It reads nothing yet.
func New(o Options) *Keys {
	k := &Keys{given: map[string]authn.AuthConfig{}, files: o.Files, byHost: map[string]Key{}}
	for registry, auth := range o.Given {
		k.Give(registry, auth)
	}
	return k
}

// Give sets the credentials of a registry. It must not be called beside other methods.
func (k *Keys) Give(registry string, auth authn.AuthConfig) { k.given[canonical(registry)] = auth }

// hubKeys are the names of Docker Hub in auth files. Docker writes the first.
var hubKeys = []string{authn.DefaultAuthKey, "docker.io", "index.docker.io", "registry-1.docker.io"}

// canonical is the one name of a registry with several.
func canonical(registry string) string {
	if slices.Contains(hubKeys, registry) {
		return "docker.io"
	}
	return registry
}

// namesOf are the names that an auth file may have for a registry.
func namesOf(registry string) []string {
	if canonical(registry) == "docker.io" {
		return hubKeys
	}
	return []string{registry}
}

// Key returns the credentials for a repository of a registry. The repository may be
// empty. A file or helper that does not work is not an error if another one knows the
// registry, or if it lets everybody in.
func (k *Keys) Key(registry, repository string) Key {
	if given, ok := k.given[canonical(registry)]; ok {
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

// ofHost asks a file and its helpers for a registry, once.
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

// namespaced finds credentials of a repository or of a path that leads to it, as podman
// and others write them. The longest path wins.
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
	// Only the first is what helpers know Docker Hub by.
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
