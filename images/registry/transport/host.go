package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker/auth"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images/hosts"
	"github.com/slipway-build/slipway/internal/parallel"
)

// A host is a server of a registry: the registry itself, or a mirror of it.
type host struct {
	hosts.Host
	transport *Transport
	schemes   []string // to try, in this order
	wire      http.RoundTripper

	turn   parallel.Slots // held while greeting
	scheme string         // one of schemes; empty before the greeting
	// challenge is how the host requested credentials when it was greeted, or nil.
	challenge *auth.Challenge
	// strange is the status of the greeting if registries do not normally send it, or 0.
	strange int

	down atomic.Bool // the mirror did not respond, and is not used again
}

// hostsOf returns the hosts of a registry: its mirrors, then the registry itself.
func (t *Transport) hostsOf(r name.Registry) ([]*host, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known, ok := t.hosts[r.RegistryStr()]
	if ok {
		return known, nil
	}
	found, err := t.where.Of(r.RegistryStr())
	if err != nil {
		return nil, &LocalError{err}
	}
	for _, f := range found {
		h := &host{Host: f, transport: t, wire: t.wire, turn: make(parallel.Slots, 1)}
		switch {
		case h.Scheme != "":
			h.schemes = []string{h.Scheme}
		case isInside(h.url("").Hostname()):
			h.schemes = []string{"https", "http"}
		default:
			h.schemes = []string{"https"}
		}
		config, err := h.TLS.Config()
		if err != nil {
			return nil, &LocalError{fmt.Errorf("registry %s: %w", h.Address, err)}
		}
		if config != nil || h.DialTimeout > 0 {
			h.wire = newWire(t.agent, t.rates, defaultPatience, config, h.DialTimeout)
		}
		known = append(known, h)
	}
	t.hosts[r.RegistryStr()] = known
	return known, nil
}

// url returns the address of path below the API root.
func (h *host) url(path string) *url.URL {
	return &url.URL{Scheme: h.scheme, Host: h.Address, Path: h.Path + path}
}

// is reports whether u is an address of this host.
func (h *host) is(u *url.URL) bool { return origin(u) == origin(h.url("")) }

// greet requests the API root once, to learn the scheme of the host and how it requests
// credentials. After a failure, the next caller tries again.
func (h *host) greet(ctx context.Context) error {
	release, err := h.turn.Acquire(ctx)
	if err != nil {
		return Ended(ctx)
	}
	defer release()
	if h.scheme != "" {
		return nil
	}
	var first error
	for n, scheme := range h.schemes {
		last := n == len(h.schemes)-1
		err := h.greetBy(ctx, scheme, last)
		var record tls.RecordHeaderError
		if err == nil && h.strange == http.StatusBadRequest && first != nil && !errors.As(first, &record) {
			// A TLS server answers plain HTTP this way: its handshake was only slow.
			h.scheme = ""
			return first
		}
		if err == nil {
			return nil
		}
		if last || speaksTLS(err) {
			return errors.Join(err, first)
		}
		first = err
	}
	return first
}

// quickGreeting limits the attempt with a scheme that has an alternative: a server without TLS may
// wait for a line ending in the client's hello.
const quickGreeting = 5 * time.Second

func (h *host) greetBy(ctx context.Context, scheme string, last bool) error {
	if !last {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, quickGreeting)
		defer cancel()
	}
	u := h.url("/")
	u.Scheme = scheme
	req, err := Request{Method: http.MethodGet, URL: u}.http(ctx)
	if err != nil {
		return err
	}
	client := http.Client{Transport: greeting{h}, CheckRedirect: checkRedirect}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	// Draining the body lets the connection be reused.
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return err
	}
	if resp.Request.URL.Host == h.Address {
		// The host may have redirected to https.
		scheme = resp.Request.URL.Scheme
	}
	h.scheme, h.challenge, h.strange = scheme, nil, 0
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized:
		h.challenge = challengeOf(resp)
	default:
		// A proxy may allow only some paths.
		h.strange = resp.StatusCode
	}
	return nil
}

type greeting struct{ host *host }

func (g greeting) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != g.host.Address {
		return g.host.transport.wire.RoundTrip(req)
	}
	for key, values := range g.host.Header {
		req.Header[key] = values
	}
	return g.host.wire.RoundTrip(req)
}

// speaksTLS reports whether err shows that the other side speaks TLS, so that plain HTTP need not
// be tried.
func speaksTLS(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		alert        tls.AlertError
		op           *net.OpError
	)
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &alert) ||
		errors.As(err, &op) && op.Op == "remote error"
}
