package engine

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/regular"
)

// Options say which engine builds, and what it is given to build with.
type Options struct {
	// Address is where the engine answers; empty is the engine's default socket.
	// For BuildKit: unix://, tcp://, docker-container://, podman-container://,
	// nerdctl-container://, kube-pod://, ssh:// or npipe://, as BUILDKIT_HOST.
	// For Docker: unix://, tcp://, ssh:// or npipe://, as DOCKER_HOST.
	Address string
	// TLS is for tcp:// addresses; the zero value is plain TCP.
	TLS TLS
	// Store is where the layers that the engine makes come to lie, and where it
	// is given the layers of bases from.
	Store *store.Store
	// Sources yields base images. The engine itself resolves none. Nil yields
	// none, which is enough for a Dockerfile FROM scratch.
	Sources images.Source
	// Keychain has the credentials of registries that caches lie in; nil has none.
	Keychain authn.Keychain
	// Secrets and SSH are what RUN --mount=type=secret and type=ssh find.
	Secrets []Secret
	SSH     []Agent
	// CacheFrom and CacheTo say where the engine finds what others have built, and
	// leaves what it builds.
	CacheFrom, CacheTo []Cache
	// Entitlements are what RUN may be granted: network.host, security.insecure.
	// The engine must allow them too.
	Entitlements []string
}

// TLS names the files of a TLS connection, all PEM.
type TLS struct {
	// CACert verifies the engine; empty stands for the system's authorities.
	CACert string
	// Cert and Key are the client's own.
	Cert, Key string
	// ServerName is the name that the engine's certificate must have; empty is
	// the host of the address.
	ServerName string
}

func (t TLS) isZero() bool { return t == TLS{} }

// check looks at the files, which a library reads.
func (t TLS) check() error {
	for _, file := range []string{t.CACert, t.Cert, t.Key} {
		if file == "" {
			continue
		}
		if err := regular.Check(file); err != nil {
			return fmt.Errorf("reading the keys of the engine: %w", err)
		}
	}
	return nil
}

// A Secret is a value that a RUN may see while it runs, and that no layer holds.
type Secret struct {
	// ID is the id of --mount=type=secret,id=….
	ID string
	// File is read whenever the secret is asked for. If it is empty, Value is
	// the secret.
	File  string
	Value []byte
}

// ParseSecret reads a secret as docker build --secret takes it: id=ID,src=FILE
// or id=ID,env=NAME; an id alone is the variable of that name, else the file.
// lookup finds variables of the environment.
func ParseSecret(s string, lookup func(string) (string, bool)) (Secret, error) {
	fields, err := parseFields(s, "id", "src", "source", "env", "type")
	if err != nil {
		return Secret{}, fmt.Errorf("secret %q: %w", s, err)
	}
	secret := Secret{ID: fields["id"], File: fields["src"] + fields["source"]}
	env := fields["env"]
	switch kind := fields["type"]; {
	case secret.ID == "":
		return Secret{}, fmt.Errorf("secret %q: want id=NAME,src=FILE or id=NAME,env=VARIABLE", s)
	case kind == "env" && secret.File != "" && env == "":
		env, secret.File = secret.File, ""
	case kind != "" && kind != "env" && kind != "file":
		return Secret{}, fmt.Errorf("secret %q: type %q is neither file nor env", s, kind)
	}
	if secret.File == "" && env == "" {
		if _, ok := lookup(secret.ID); ok {
			env = secret.ID
		} else {
			secret.File = secret.ID
		}
	}
	switch {
	case env != "" && secret.File != "":
		return Secret{}, fmt.Errorf("secret %q: it is either a file or a variable, not both", s)
	case env != "":
		value, ok := lookup(env)
		if !ok {
			return Secret{}, fmt.Errorf("secret %q: the variable %s is not set", s, env)
		}
		secret.Value = []byte(value)
	default:
		if _, err := os.Stat(secret.File); err != nil {
			return Secret{}, fmt.Errorf("secret %q: %w", s, err)
		}
	}
	return secret, nil
}

// An Agent is an ssh agent, or keys, that a RUN may use while it runs.
type Agent struct {
	// ID is the id of --mount=type=ssh,id=…; empty is "default".
	ID string
	// Paths are the agent's socket, or else files of private keys.
	Paths []string
}

// ParseAgent reads an agent as docker build --ssh takes it: default, or
// ID=SOCKET, or ID=KEY,KEY. Without a path it is socket, which the caller knows
// from SSH_AUTH_SOCK.
func ParseAgent(s, socket string) (Agent, error) {
	id, paths, _ := strings.Cut(s, "=")
	agent := Agent{ID: id}
	switch {
	case id == "":
		return Agent{}, fmt.Errorf("ssh agent %q: want default, ID=SOCKET or ID=KEY", s)
	case paths != "":
		agent.Paths = strings.Split(paths, ",")
	case socket != "":
		agent.Paths = []string{socket}
	default:
		return Agent{}, fmt.Errorf("ssh agent %q: no agent runs (SSH_AUTH_SOCK is not set); give its socket or a key: %s=PATH", s, id)
	}
	return agent, nil
}

// A Cache is a place for what an engine has built: a registry, a folder, or the
// image itself.
type Cache struct {
	// Type is registry, local or inline, or any other that the engine has.
	Type string
	// Attrs are the type's: ref for registry, src or dest for local.
	Attrs map[string]string
}

// ParseCache reads a cache as docker build --cache-from and --cache-to take it:
// type=registry,ref=REF or type=local,src=DIR; a reference alone is a registry's.
func ParseCache(s string) (Cache, error) {
	if !strings.Contains(s, "=") {
		if _, err := images.ParseReference(s); err != nil {
			return Cache{}, fmt.Errorf("cache %q: want type=registry,ref=REF, type=local,src=DIR, type=inline or a reference: %w", s, err)
		}
		return Cache{Type: "registry", Attrs: map[string]string{"ref": s}}, nil
	}
	attrs, err := parseFields(s)
	if err != nil {
		return Cache{}, fmt.Errorf("cache %q: %w", s, err)
	}
	c := Cache{Type: attrs["type"], Attrs: attrs}
	delete(attrs, "type")
	need := map[string][]string{"registry": {"ref"}, "local": {"src", "dest"}}[c.Type]
	have := len(need) == 0
	for _, key := range need {
		have = have || attrs[key] != ""
	}
	switch {
	case c.Type == "":
		return Cache{}, fmt.Errorf("cache %q: its type is missing: registry, local or inline", s)
	case !have:
		return Cache{}, fmt.Errorf("cache %q: type %s needs %s=…", s, c.Type, strings.Join(need, "=… or "))
	}
	return c, nil
}

// parseFields reads key=value fields as CSV, as Docker's flags are. With known
// keys, any other is an error.
func parseFields(s string, known ...string) (map[string]string, error) {
	record, err := csv.NewReader(strings.NewReader(s)).Read()
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	var errs []error
	for _, field := range record {
		key, value, ok := strings.Cut(field, "=")
		if !ok && len(record) == 1 && len(known) > 0 {
			key, value, ok = known[0], field, true
		}
		key = strings.ToLower(strings.TrimSpace(key))
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%q is no key=value", field))
		case len(known) > 0 && !slices.Contains(known, key):
			errs = append(errs, fmt.Errorf("unknown key %q; it has %s", key, strings.Join(known, ", ")))
		}
		fields[key] = value
	}
	return fields, errors.Join(errs...)
}
