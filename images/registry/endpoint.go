package registry

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// An endpoint is a repository that we are logged in to, to pull from or to push to.
type endpoint struct {
	client *Client
	repo   name.Repository
	verb   string // pull or push
	scopes []string

	turn chan struct{} // held by who logs in
	mu   sync.Mutex
	http *http.Client
	key  key
}

// endpoint returns the one for repo. Pushing may need the right to read other
// repositories, to mount from them.
func (c *Client) endpoint(repo name.Repository, verb string, from ...name.Repository) *endpoint {
	scope := transport.PullScope
	if verb == push {
		scope = transport.PushScope
	}
	scopes := []string{repo.Scope(scope)}
	for _, r := range from {
		scopes = append(scopes, r.Scope(transport.PullScope))
	}
	key := repo.Name() + " " + strings.Join(scopes, " ")
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.endpoints[key]
	if !ok {
		e = &endpoint{client: c, repo: repo, verb: verb, scopes: scopes, turn: make(chan struct{}, 1)}
		c.endpoints[key] = e
	}
	return e
}

// The verbs of endpoints.
const (
	pull = "pull"
	push = "push"
)

// login asks the registry how it wants to be spoken to, and gets a token if that is
// how. A login that failed is tried again by the next caller.
func (e *endpoint) login(ctx context.Context) (*http.Client, error) {
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return nil, ended(ctx)
	}
	e.mu.Lock()
	in := e.http
	e.mu.Unlock()
	if in != nil {
		return in, nil
	}
	key := e.client.keys.key(e.repo)
	e.mu.Lock()
	e.key = key
	e.mu.Unlock()
	logged, err := transport.NewWithContext(ctx, e.repo.Registry, key.authenticator(), e.client.wire, e.scopes)
	if err != nil {
		return nil, err
	}
	in = &http.Client{Transport: logged, CheckRedirect: checkRedirect}
	e.mu.Lock()
	e.http = in
	e.mu.Unlock()
	return in, nil
}

// credentials are those that were tried.
func (e *endpoint) credentials() key {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.key
}

func (e *endpoint) url(kind, id string) *url.URL {
	return &url.URL{
		// The login found out whether it is rather http.
		Scheme: "https",
		Host:   e.repo.RegistryStr(),
		Path:   fmt.Sprintf("/v2/%s/%s/%s", e.repo.RepositoryStr(), kind, id),
	}
}

// do makes one request. An answer whose status is not one of want is an
// *answerError.
func (e *endpoint) do(req *http.Request, want ...int) (*http.Response, error) {
	in, err := e.login(req.Context())
	if err != nil {
		return nil, err
	}
	resp, err := in.Do(req)
	if err != nil {
		return nil, err
	}
	for _, status := range want {
		if resp.StatusCode == status {
			return resp, nil
		}
	}
	defer resp.Body.Close()
	return nil, newAnswerError(resp)
}

// head asks for a manifest or blob, and returns its digest as far as the registry
// says it. What is not there is no error.
func (e *endpoint) head(ctx context.Context, kind, id, accept string) (digest v1.Hash, ok bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, e.url(kind, id).String(), nil)
	if err != nil {
		return v1.Hash{}, false, err
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := e.do(req, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return v1.Hash{}, false, err
	}
	resp.Body.Close()
	return contentDigest(resp), resp.StatusCode == http.StatusOK, nil
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
