package registry

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/containerd/containerd/v2/core/remotes/docker/auth"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// An endpoint is a repository on a host, with the credentials to pull from it or to
// push to it.
type endpoint struct {
	client *Client
	host   *host
	repo   name.Repository
	verb   string // pull or push

	// turn is held by the goroutine that reads or changes the fields below.
	turn      slots
	met       bool // whether challenge and key are known
	challenge *auth.Challenge
	key       key
	shown     bool // whether the key was shown to the registry or its token server
	scopes    []string
	token     token
	serial    int // counts tokens

	accepted atomic.Bool // whether the registry has accepted a token
}

// endpoint returns the one for repo. Pushing may need the right to read other
// repositories, to mount from them.
func (c *Client) endpoint(repo name.Repository, verb string, from ...name.Repository) *endpoint {
	actions := pull
	if verb == push {
		actions = "push,pull"
	}
	scopes := []string{repo.Scope(actions)}
	for _, r := range from {
		scopes = append(scopes, r.Scope(pull))
	}
	host := c.host(repo.Registry)
	key := repo.Name() + " " + strings.Join(scopes, " ")
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.endpoints[key]
	if !ok {
		e = &endpoint{client: c, host: host, repo: repo, verb: verb, scopes: scopes, turn: make(slots, 1)}
		c.endpoints[key] = e
	}
	return e
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
	return request{method: method, url: e.host.url("/" + e.repo.RepositoryStr() + "/" + kind + "/" + id), header: http.Header{}}, nil
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
