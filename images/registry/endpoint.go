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

// An endpoint is a repository on a host, with the credentials to pull from it or to push to it.
type endpoint struct {
	client *Client
	host   *host
	repo   name.Repository
	verb   string // pull or push

	given *credentials.Key // replaces the key that would be looked up, unless nil

	// turn is held while reading or changing the fields below.
	turn      slots
	met       bool // whether challenge and key are known
	challenge *auth.Challenge
	key       credentials.Key
	shown     bool // whether the key was sent to the registry or its token server
	scopes    []string
	token     token
	serial    int // number of the current token

	accepted atomic.Bool // whether the registry has accepted a token
}

// sources returns the endpoints to pull repo from: mirrors in order of precedence, then the
// registry. By tag, only hosts with the capability resolve are used.
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

// target returns the endpoint to push repo to: the registry, or a mirror with the explicit
// capability push. To mount blobs of the repositories in from, it needs the right to pull from
// them.
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
	return nil, &localError{fmt.Errorf("registry %s: no host in hosts.toml has the capability push", hostName(repo.Registry))}
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

// fromAny calls do with each source of repo until one succeeds. Only the registry itself is
// retried; a mirror that does not respond is not used again. The error includes the response of
// each source; what describes the content.
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

// missed returns the error of a mirror, and marks the mirror as down if it did not respond.
func (e *endpoint) missed(err error) string {
	if !isAnswer(err) && !isWrong(err) {
		e.host.down.Store(true)
	}
	return fmt.Sprintf("mirror %s: %s", e.host.Address, cmp.Or(e.reaching(err), e.plainly(err)))
}

// withMirrors adds the errors of its mirrors to the error of a registry.
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

// request returns a request below the repository's API path. It greets the host first, to learn its
// scheme.
func (e *endpoint) request(ctx context.Context, method, kind, id string) (request, error) {
	if err := e.host.greet(ctx); err != nil {
		return request{}, err
	}
	u := e.host.url("/" + e.repo.RepositoryStr() + "/" + kind + "/" + id)
	if e.host.Mirror {
		// containerd passes this to mirrors that serve several registries.
		u.RawQuery = url.Values{"ns": {hostName(e.repo.Registry)}}.Encode()
	}
	return request{method: method, url: u, header: http.Header{}}, nil
}

// A finding is the result of a HEAD for a manifest or a blob.
type finding int

const (
	absent finding = iota
	present
	// refused means that the registry does not tell. Some registries answer 403 for missing
	// content, and some deny reading to users who may write.
	refused
)

// head requests the headers of a manifest or a blob, and returns its digest, or zero if the
// registry does not send it.
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

// contentDigest returns the Docker-Content-Digest header, or zero if there is none.
func contentDigest(resp *http.Response) v1.Hash {
	h, err := v1.NewHash(resp.Header.Get("Docker-Content-Digest"))
	if err != nil {
		return v1.Hash{}
	}
	return h
}
