package registry

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/credentials"
	"github.com/slipway-build/slipway/images/hosts"
	"github.com/slipway-build/slipway/internal/parallel"
	"github.com/slipway-build/slipway/internal/redact"
)

// transportOptions configure a transport. Only Keys is required.
type transportOptions struct {
	// Keys are the credentials for registries.
	Keys *credentials.Keys
	// Hosts configures how registries are reached.
	Hosts hosts.Options
	// UserAgent is the User-Agent header of requests; empty means slipway.
	UserAgent string
}

// A transport knows the hosts of registries, and has the tokens of their repositories. All its methods may be
// called from several goroutines.
type transport struct {
	keys    *credentials.Keys
	where   hosts.Options
	wire    http.RoundTripper
	agent   http.Header // User-Agent
	secrets redact.Secrets

	mu        sync.Mutex
	hosts     map[string][]*host // by registry; the registry itself is last
	endpoints map[string]*endpoint
}

// newTransport returns a transport. It sends no request.
func newTransport(o transportOptions) *transport {
	agent := http.Header{"User-Agent": {cmp.Or(o.UserAgent, "slipway")}}
	return &transport{
		keys:      o.Keys,
		where:     o.Hosts,
		wire:      newWire(agent, defaultPatience, nil, 0),
		agent:     agent,
		hosts:     map[string][]*host{},
		endpoints: map[string]*endpoint{},
	}
}

// fromAny calls do with each endpoint that repo can be pulled from until one succeeds: mirrors in order of
// precedence, then the registry. By tag, only hosts with the capability resolve are used. A mirror that does not
// respond is not used again. The error describes that of each endpoint for the user; what describes the content.
func (t *transport) fromAny(repo name.Repository, byTag bool, what string, do func(*endpoint) error) error {
	sources, err := t.sources(repo, byTag)
	if err != nil {
		return err
	}
	var missed []string
	for _, mirror := range sources[:len(sources)-1] {
		err := do(mirror)
		var ours *localError
		if err == nil || isEnded(err) || errors.As(err, &ours) {
			return mirror.explain(what, err)
		}
		missed = append(missed, mirror.missed(err))
	}
	registry := sources[len(sources)-1]
	return withMirrors(registry.explain(what, do(registry)), missed)
}

// sources returns the endpoints to pull repo from; the registry itself is last.
func (t *transport) sources(repo name.Repository, byTag bool) (found []*endpoint, err error) {
	all, err := t.hostsOf(repo.Registry)
	if err != nil {
		return nil, err
	}
	for n, h := range all {
		if last := n == len(all)-1; last || !h.down.Load() && h.Pull && (h.Resolve || !byTag) {
			found = append(found, t.endpointAt(h, repo, pull))
		}
	}
	return found, nil
}

// target returns the endpoint to push repo to: the registry, or a mirror with the explicit
// capability push. To mount blobs of the repositories in from, it needs the right to pull from
// them.
func (t *transport) target(repo name.Repository, from ...name.Repository) (*endpoint, error) {
	all, err := t.hostsOf(repo.Registry)
	if err != nil {
		return nil, err
	}
	for _, h := range all {
		if h.Push {
			return t.endpointAt(h, repo, push, from...), nil
		}
	}
	return nil, &localError{fmt.Errorf("registry %s: no host in hosts.toml has the capability push", images.RegistryName(repo.Registry))}
}

func (t *transport) endpointAt(h *host, repo name.Repository, verb string, from ...name.Repository) *endpoint {
	actions := pull
	if verb == push {
		actions = "push,pull"
	}
	scopes := []string{repo.Scope(actions)}
	for _, r := range from {
		scopes = append(scopes, r.Scope(pull))
	}
	key := h.Address + " " + repo.Name() + " " + strings.Join(scopes, " ")
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.endpoints[key]
	if !ok {
		e = &endpoint{transport: t, host: h, repo: repo, verb: verb, scopes: scopes, turn: make(parallel.Slots, 1)}
		t.endpoints[key] = e
	}
	return e
}

// login returns an endpoint of a registry for Ping, with a user and password to check.
func (t *transport) login(registry name.Registry, user, password string) (*endpoint, error) {
	all, err := t.hostsOf(registry)
	if err != nil {
		return nil, err
	}
	given := credentials.Key{AuthConfig: authn.AuthConfig{Username: user, Password: password}, From: "this login"}
	return &endpoint{transport: t, host: all[len(all)-1], repo: registry.Repo("library"), verb: "use", turn: make(parallel.Slots, 1), given: &given}, nil
}
