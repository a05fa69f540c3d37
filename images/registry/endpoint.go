package registry

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/containerd/containerd/v2/core/remotes/docker/auth"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/credentials"
	"github.com/slipway-build/slipway/internal/parallel"
)

// An endpoint is a repository on a host, with the credentials to pull from it or to push to it.
type endpoint struct {
	transport *transport
	host      *host
	repo      name.Repository
	verb      string // pull, push, or use for a login

	given *credentials.Key // replaces the key that would be looked up, unless nil

	// turn is held while reading or changing the fields below.
	turn      parallel.Slots
	met       bool // whether challenge and key are known
	challenge *auth.Challenge
	key       credentials.Key
	shown     bool // whether the key was sent to the registry or its token server
	scopes    []string
	token     token
	serial    int // number of the current token

	accepted atomic.Bool // whether the registry has accepted a token
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
	return newFailure(err.Error()+"; "+strings.Join(missed, "; "), err)
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
		u.RawQuery = url.Values{"ns": {images.RegistryName(e.repo.Registry)}}.Encode()
	}
	return request{method: method, url: u, header: http.Header{}}, nil
}

// ping requests the API root with the credentials of the endpoint.
func (e *endpoint) ping(ctx context.Context) error {
	if err := e.host.greet(ctx); err != nil {
		return err
	}
	resp, err := e.do(ctx, request{method: http.MethodGet, url: e.host.url("/")}, http.StatusOK)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// isMirror reports whether the endpoint is on a mirror, rather than on the registry itself.
func (e *endpoint) isMirror() bool { return e.host.Mirror }

// serves reports whether u is an address of the endpoint's host.
func (e *endpoint) serves(u *url.URL) bool { return e.host.is(u) }

// checkHop returns an error if the registry must not refer to the address to; see checkRedirect.
func (e *endpoint) checkHop(to *url.URL) error { return checkHop(e.host.url(""), to) }
