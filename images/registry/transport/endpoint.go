package transport

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

// An Endpoint is a repository on a host, with the credentials to pull from it or to push to it.
type Endpoint struct {
	transport *Transport
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

// missed returns the text of err, an error of a mirror. If the mirror did not respond, missed marks it as down.
func (e *Endpoint) missed(err error) string {
	if !isAnswer(err) && !IsWrong(err) {
		e.host.down.Store(true)
	}
	return fmt.Sprintf("mirror %s: %s", e.host.Address, cmp.Or(e.reaching(err), e.Plainly(err)))
}

// withMirrors appends the texts in missed, the errors of the mirrors, to err, the error of the registry.
func withMirrors(err error, missed []string) error {
	if err == nil || len(missed) == 0 || IsEnded(err) {
		return err
	}
	return Failure(err.Error()+"; "+strings.Join(missed, "; "), err)
}

// The verbs of endpoints.
const (
	pull = "pull"
	push = "push"
)

// NewRequest returns a request to the repository's API path /v2/NAME/KIND/ID (distribution-spec, "Endpoints"),
// without a body. It contacts the host once first, to learn its scheme.
func (e *Endpoint) NewRequest(ctx context.Context, method, kind, id string) (Request, error) {
	if err := e.host.greet(ctx); err != nil {
		return Request{}, err
	}
	u := e.host.url("/" + e.repo.RepositoryStr() + "/" + kind + "/" + id)
	if e.host.Mirror {
		// containerd passes this to mirrors that serve several registries.
		u.RawQuery = url.Values{"ns": {images.RegistryName(e.repo.Registry)}}.Encode()
	}
	return Request{Method: method, URL: u, Header: http.Header{}}, nil
}

// Ping requests the API root /v2/ with the credentials of the endpoint. It returns an error if the registry refuses
// them.
func (e *Endpoint) Ping(ctx context.Context) error {
	if err := e.host.greet(ctx); err != nil {
		return err
	}
	resp, err := e.Do(ctx, Request{Method: http.MethodGet, URL: e.host.url("/")}, http.StatusOK)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// IsMirror reports whether the endpoint is on a mirror, rather than on the registry itself.
func (e *Endpoint) IsMirror() bool { return e.host.Mirror }

// Serves reports whether u is an address of the endpoint's host.
func (e *Endpoint) Serves(u *url.URL) bool { return e.host.is(u) }

// CheckHop returns an error if the registry must not refer to the address to, because the registry is on the Internet
// and the address is in this network (SSRF).
func (e *Endpoint) CheckHop(to *url.URL) error { return checkHop(e.host.url(""), to) }
