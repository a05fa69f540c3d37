package session

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/images"
)

// A Secret is a value that a RUN can read while it runs, and that no layer contains.
type Secret struct {
	// ID is the id of --mount=type=secret,id=….
	ID string
	// File is read whenever the secret is requested. If it is empty, Value is the secret.
	File  string
	Value []byte
}

// ParseSecret parses a secret in the syntax of docker build --secret: id=ID,src=FILE or
// id=ID,env=NAME. With an id alone, the secret is the variable of that name, or else the file.
// lookup returns environment variables.
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
		return Secret{}, fmt.Errorf("secret %q: type %q: want file or env", s, kind)
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
		return Secret{}, fmt.Errorf("secret %q: want either src or env, not both", s)
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

// An Agent is an ssh agent, or keys, that a RUN can use while it runs.
type Agent struct {
	// ID is the id of --mount=type=ssh,id=…; empty is "default".
	ID string
	// Paths contains the agent's socket, or else files with private keys.
	Paths []string
}

// ParseAgent parses an agent in the syntax of docker build --ssh: default, ID=SOCKET, or
// ID=KEY,KEY. Without a path, the agent is at socket, the caller's SSH_AUTH_SOCK.
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
		return Agent{}, fmt.Errorf("ssh agent %q: no agent is running (SSH_AUTH_SOCK is not set): add a socket or a key, %s=PATH", s, id)
	}
	return agent, nil
}

// A Cache is a location of build caches: a registry, a folder, or the image itself.
type Cache struct {
	// Type is registry, local or inline, or any other type that the engine supports.
	Type string
	// Attrs are specific to the type: ref for registry, src or dest for local.
	Attrs map[string]string
}

// ParseCache parses a cache in the syntax of docker build --cache-from and --cache-to:
// type=registry,ref=REF or type=local,src=DIR. A reference alone means a registry.
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
		return Cache{}, fmt.Errorf("cache %q: missing type: registry, local or inline", s)
	case !have:
		return Cache{}, fmt.Errorf("cache %q: type %s needs %s=…", s, c.Type, strings.Join(need, "=… or "))
	}
	return c, nil
}

// parseFields parses key=value fields as CSV, the syntax of Docker's flags. If known keys are
// given, any other key is an error.
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
			errs = append(errs, fmt.Errorf("%q: want key=value", field))
		case len(known) > 0 && !slices.Contains(known, key):
			errs = append(errs, fmt.Errorf("unknown key %q: want %s", key, strings.Join(known, ", ")))
		}
		fields[key] = value
	}
	return fields, errors.Join(errs...)
}
