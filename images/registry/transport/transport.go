package transport

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

// Options configure a Transport. Only Keys is required.
type Options struct {
	// Keys are the credentials for registries.
	Keys *credentials.Keys
	// Hosts configures how registries are reached.
	Hosts hosts.Options
	// UserAgent is the User-Agent header of requests; empty means slipway.
	UserAgent string
}

// A Transport has the hosts of registries and the tokens of their repositories. Its methods may be called from several
// goroutines.
type Transport struct {
	keys    *credentials.Keys
	where   hosts.Options
	wire    http.RoundTripper
	agent   http.Header // User-Agent
	rates   *rates
	secrets redact.Secrets

	mu        sync.Mutex
	hosts     map[string][]*host // by registry; the registry itself is last
	endpoints map[string]*Endpoint
}

// New returns a transport. It sends no request.
func New(o Options) *Transport {
	agent := http.Header{"User-Agent": {cmp.Or(o.UserAgent, "slipway")}}
	shared := &rates{}
	return &Transport{
		keys:      o.Keys,
		where:     o.Hosts,
		wire:      newWire(agent, shared, defaultPatience, nil, 0),
		agent:     agent,
		rates:     shared,
		hosts:     map[string][]*host{},
		endpoints: map[string]*Endpoint{},
	}
}

// FromAny calls do with each endpoint that repo can be pulled from until one succeeds: mirrors in order of precedence,
// then the registry. By tag, it uses only hosts with the capability resolve. A mirror that does not respond is not used
// again. After an error on this side (LocalError, Ended), FromAny tries no other endpoint. The returned error is
// explained, with the error of each mirror; see Endpoint.Explain.
func (t *Transport) FromAny(repo name.Repository, byTag bool, what string, do func(*Endpoint) error) error {
	sources, err := t.sources(repo, byTag)
	if err != nil {
		return err
	}
	var missed []string
	for _, mirror := range sources[:len(sources)-1] {
		err := do(mirror)
		var ours *LocalError
		if err == nil || IsEnded(err) || errors.As(err, &ours) {
			return mirror.Explain(what, err)
		}
		missed = append(missed, mirror.missed(err))
	}
	registry := sources[len(sources)-1]
	return withMirrors(registry.Explain(what, do(registry)), missed)
}

// sources returns the endpoints to pull repo from; the registry itself is last.
func (t *Transport) sources(repo name.Repository, byTag bool) (found []*Endpoint, err error) {
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

// Target returns the endpoint to push repo to: the registry, or a mirror with the explicit
// capability push. To mount blobs of the repositories in from, it needs the right to pull from
// them. It fails if hosts.toml gives no host that capability.
func (t *Transport) Target(repo name.Repository, from ...name.Repository) (*Endpoint, error) {
	all, err := t.hostsOf(repo.Registry)
	if err != nil {
		return nil, err
	}
	for _, h := range all {
		if h.Push {
			return t.endpointAt(h, repo, push, from...), nil
		}
	}
	return nil, &LocalError{fmt.Errorf("registry %s: no host in hosts.toml has the capability push", images.RegistryName(repo.Registry))}
}

func (t *Transport) endpointAt(h *host, repo name.Repository, verb string, from ...name.Repository) *Endpoint {
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
		e = &Endpoint{transport: t, host: h, repo: repo, verb: verb, scopes: scopes, turn: make(parallel.Slots, 1)}
		t.endpoints[key] = e
	}
	return e
}

// Login returns an endpoint of a registry whose Ping checks user and password.
func (t *Transport) Login(registry name.Registry, user, password string) (*Endpoint, error) {
	all, err := t.hostsOf(registry)
	if err != nil {
		return nil, err
	}
	given := credentials.Key{AuthConfig: authn.AuthConfig{Username: user, Password: password}, From: "this login"}
	return &Endpoint{transport: t, host: all[len(all)-1], repo: registry.Repo("library"), verb: "use", turn: make(parallel.Slots, 1), given: &given}, nil
}
