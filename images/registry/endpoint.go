package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/containerd/containerd/v2/core/remotes/docker/auth"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/credentials"
)

// An endpoint is a repository on a host, with the credentials to pull from it or to
// push to it.
type endpoint struct {
	client *Client
	host   *host
	repo   name.Repository
	verb   string // pull or push

	given *credentials.Key // used in place of what is looked up, unless nil

	// turn is held by the goroutine that reads or changes the fields below.
	turn      slots
	met       bool // whether challenge and key are known
	challenge *auth.Challenge
	key       credentials.Key
	shown     bool // whether the key was shown to the registry or its token server
	scopes    []string
	token     token
	serial    int // counts tokens

	accepted atomic.Bool // whether the registry has accepted a token
}

// sources returns the endpoints that repo is pulled from: mirrors in the order in which
// they are to be asked, and then the registry. Tags come from hosts that resolve them.
func (c *Client) sources(repo name.Repository, byTag bool) (found []*endpoint, err error) {
	all, err := c.hostsOf(repo.Registry)
	if err != nil {
		return nil, err
	}
	for n, h := range all {
		if last := n == len(all)-1; last || !h.down.Load() && h.Pull && (h.Resolve || !byTag) {
			found = append(found, c.endpointAt(h, repo, pull))
		}
	}
	return found, nil
}

// target returns the endpoint that repo is pushed to: the registry, unless a mirror
// says itself that it takes what is pushed. Mounting needs the right to read other
// repositories.
func (c *Client) target(repo name.Repository, from ...name.Repository) (*endpoint, error) {
	all, err := c.hostsOf(repo.Registry)
	if err != nil {
		return nil, err
	}
	for _, h := range all {
		if h.Push {
			return c.endpointAt(h, repo, push, from...), nil
		}
	}
	return nil, &localError{fmt.Errorf("registry %s: hosts.toml gives no host the capability push", hostName(repo.Registry))}
}

func (c *Client) endpointAt(h *host, repo name.Repository, verb string, from ...name.Repository) *endpoint {
	actions := pull
	if verb == push {
		actions = "push,pull"
	}
	scopes := []string{repo.Scope(actions)}
	for _, r := range from {
		scopes = append(scopes, r.Scope(pull))
	}
	key := h.Address + " " + repo.Name() + " " + strings.Join(scopes, " ")
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.endpoints[key]
	if !ok {
		e = &endpoint{client: c, host: h, repo: repo, verb: verb, scopes: scopes, turn: make(slots, 1)}
		c.endpoints[key] = e
	}
	return e
}

// fromAny does something with the first source of repo that it succeeds with. Only the
// registry itself is worth several attempts; a mirror that does not answer is not asked
// again. The error says what each of them said about what.
func (c *Client) fromAny(ctx context.Context, repo name.Repository, byTag bool, what string, do func(*endpoint) error) error {
	sources, err := c.sources(repo, byTag)
	if err != nil {
		return err
	}
	registry := sources[len(sources)-1]
	var missed []string
	for _, mirror := range sources[:len(sources)-1] {
		err := do(mirror)
		var ours *localError
		if err == nil || isEnded(err) || errors.As(err, &ours) {
			return mirror.explain(what, err)
		}
		missed = append(missed, mirror.missed(err))
	}
	err = c.try(ctx, func() error { return do(registry) })
	return withMirrors(registry.explain(what, err), missed)
}

// missed says what a mirror failed with, and remembers one that does not answer.
func (e *endpoint) missed(err error) string {
	if !isAnswer(err) && !isWrong(err) {
		e.host.down.Store(true)
	}
	return fmt.Sprintf("mirror %s: %s", e.host.Address, cmp.Or(e.reaching(err), e.plainly(err)))
}

// withMirrors adds to the error of a registry what its mirrors said.
func withMirrors(err error, missed []string) error {
	if err == nil || len(missed) == 0 || isEnded(err) {
		return err
	}
	return &failure{err.Error() + "; " + strings.Join(missed, "; "), err}
}

// The verbs of endpoints.
const (
	pull = "pull"
	push = "push"
)

// request returns one for something of the repository. The host must have been
// greeted, for its scheme.
func (e *endpoint) request(ctx context.Context, method, kind, id string) (request, error) {
	if err := e.host.greet(ctx); err != nil {
		return request{}, err
	}
	u := e.host.url("/" + e.repo.RepositoryStr() + "/" + kind + "/" + id)
	if e.host.Mirror {
		// As containerd tells a mirror of several registries which one is meant.
		u.RawQuery = url.Values{"ns": {hostName(e.repo.Registry)}}.Encode()
	}
	return request{method: method, url: u, header: http.Header{}}, nil
}

// A finding is what a HEAD says about a manifest or a blob.
type finding int

const (
	absent finding = iota
	present
	// refused: the registry does not say. Some answer 403 for all that does not exist,
	// and some do not let those read who may write.
	refused
)

// head asks for a manifest or a blob, and returns its digest as far as the registry
// says it.
func (e *endpoint) head(ctx context.Context, kind, id, accept string) (digest v1.Hash, found finding, err error) {
	r, err := e.request(ctx, http.MethodHead, kind, id)
	if err != nil {
		return v1.Hash{}, absent, err
	}
	if accept != "" {
		r.header.Set("Accept", accept)
	}
	resp, err := e.do(ctx, r, http.StatusOK, http.StatusNotFound)
	if err != nil {
		if isAnswer(err) && !isTemporary(err) {
			return v1.Hash{}, refused, nil
		}
		return v1.Hash{}, absent, err
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return v1.Hash{}, absent, nil
	}
	return contentDigest(resp), present, nil
}

// contentDigest is what a registry says the digest of its answer is, or of what it
// was sent; zero if it does not say.
func contentDigest(resp *http.Response) v1.Hash {
	h, err := v1.NewHash(resp.Header.Get("Docker-Content-Digest"))
	if err != nil {
		return v1.Hash{}
	}
	return h
}
