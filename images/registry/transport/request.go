package transport

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
)

// A Request can be sent several times: each attempt opens its body again.
type Request struct {
	Method string
	URL    *url.URL
	Header http.Header
	// Open returns the body from its first byte, and Size is its length in bytes. If Open is nil,
	// there is no body.
	Open func() (io.ReadCloser, error)
	Size int64
	// SameHost returns a redirect to another host as the answer, in place of following it.
	SameHost bool
}

// http returns one attempt. Its GetBody lets net/http follow a 307 or 308 with the complete body.
func (r Request) http(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL.String(), nil)
	if err != nil {
		return nil, err
	}
	for key, values := range r.Header {
		req.Header[key] = slices.Clone(values)
	}
	if r.Open == nil {
		return req, nil
	}
	req.ContentLength, req.Body, req.GetBody = r.Size, http.NoBody, func() (io.ReadCloser, error) { return http.NoBody, nil }
	if r.Size > 0 {
		req.GetBody = r.Open
		req.Body, err = r.Open()
	}
	return req, err
}

// maxRenewals limits how often a request is sent again with other credentials: once because a token
// has expired, and once because it lacks a scope.
const maxRenewals = 2

// Do sends r, and sends it again with fresh credentials and a fresh body when the registry requests
// them. A status that is not in want is an *AnswerError.
func (e *Endpoint) Do(ctx context.Context, r Request, want ...int) (*http.Response, error) {
	for renewals := 0; ; renewals++ {
		used, err := e.authorization(ctx)
		if err != nil {
			return nil, err
		}
		req, err := r.http(ctx)
		if err != nil {
			return nil, err
		}
		resp, err := e.send(req, used, r.SameHost)
		if err != nil {
			return nil, err
		}
		if slices.Contains(want, resp.StatusCode) {
			e.accepted.Store(used.bearer)
			return resp, nil
		}
		refused := newAnswerError(resp)
		resp.Body.Close()
		if !e.host.is(resp.Request.URL) {
			return nil, refused
		}
		if renewals == maxRenewals {
			if resp.StatusCode == http.StatusUnauthorized && e.accepted.Load() {
				// A slow upload may outlive several tokens.
				return nil, &TemporaryError{refused}
			}
			return nil, refused
		}
		again, err := e.renew(ctx, used, resp)
		if err != nil {
			return nil, err
		}
		if !again {
			return nil, refused
		}
	}
}

// send makes one attempt, and follows redirects.
func (e *Endpoint) send(req *http.Request, auth authorization, sameHost bool) (*http.Response, error) {
	client := http.Client{
		Transport: authorized{e.host, auth.header},
		CheckRedirect: func(to *http.Request, via []*http.Request) error {
			if sameHost && !e.host.is(to.URL) {
				return http.ErrUseLastResponse
			}
			return checkRedirect(to, via)
		},
	}
	return client.Do(req)
}

// authorized adds headers for the registry, and keeps them from the hosts that it redirects to.
// net/http alone would pass credentials to another port or a subdomain.
type authorized struct {
	host          *host
	authorization string
}

func (a authorized) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Del("Authorization")
	if !a.host.is(req.URL) {
		for key := range a.host.Header {
			req.Header.Del(key)
		}
		return a.host.transport.wire.RoundTrip(req)
	}
	for key, values := range a.host.Header {
		req.Header[key] = slices.Clone(values)
	}
	if a.authorization != "" {
		req.Header.Set("Authorization", a.authorization)
	}
	return a.host.wire.RoundTrip(req)
}

// origin returns scheme, host and port of u, for comparison.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port)
}
