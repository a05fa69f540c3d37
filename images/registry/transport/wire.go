package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/httpretry"
)

// newWire returns the transport for requests, without credentials:
//
//	user agent -> rates -> statuses -> patience -> network
//
// config may be nil. dial limits the time to connect; 0 means 15 seconds.
func newWire(agent http.Header, hosts *rates, p patience, config *tls.Config, dial time.Duration) http.RoundTripper {
	p.next = &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: cmp.Or(dial, 15*time.Second), KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     config,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        100,
		MaxIdleConnsPerHost: 32,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 15 * time.Second,
		// Used by uploads after a broken attempt; see uploadBody.broke.
		ExpectContinueTimeout: time.Second,
		// Digests refer to the content as stored.
		DisableCompression: true,
	}
	return statuses{p, hosts, agent}
}

// statuses sends requests at the rates of their hosts, and turns temporary failures into errors, for all requests,
// including those for tokens.
type statuses struct {
	next  http.RoundTripper
	hosts *rates
	agent http.Header
}

func (s statuses) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	maps.Copy(req.Header, s.agent)
	rate := s.hosts.of(req.URL.Host)
	sent, err := rate.turn(req.Context())
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	resp, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	rate.observe(resp.Header, sent, time.Now())
	if resp.StatusCode != http.StatusTooManyRequests {
		rate.answer()
	}
	if !httpretry.TemporaryStatus(resp.StatusCode) {
		return resp, nil
	}
	defer resp.Body.Close()
	refused := newAnswerError(resp)
	if resp.StatusCode == http.StatusTooManyRequests {
		refused.answered = rate.refuse(sent, refused.wait)
	}
	return nil, refused
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// patience cancels a request whose body makes no progress. Time spent on this side of a body, such
// as in a disk or a compressor, does not count.
type patience struct {
	next http.RoundTripper
	// quiet is the maximum time without a byte in either direction.
	quiet time.Duration
	// settle is the maximum time for an answer after the complete body was sent: a registry may
	// copy gigabytes to its storage.
	settle time.Duration
}

var defaultPatience = patience{quiet: 30 * time.Second, settle: 5 * time.Minute}

func (p patience) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watch{ctx: ctx, cancel: cancel}
	w.timer = time.AfterFunc(p.quiet, func() { cancel(stalled(p.quiet)) })
	watched := req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		watched.Body = &sentBody{req.Body, w, p}
		if open := req.GetBody; open != nil {
			watched.GetBody = func() (io.ReadCloser, error) {
				body, err := open()
				if err != nil {
					return nil, err
				}
				return &sentBody{body, w, p}, nil
			}
		}
	}
	resp, err := p.next.RoundTrip(watched)
	if err != nil {
		w.end()
		return nil, w.reason(err)
	}
	w.timer.Stop()
	resp.Body = &gotBody{resp.Body, w, p}
	return resp, nil
}

// stalled is the error of a transfer that makes no progress.
type stalled time.Duration

func (s stalled) Error() string { return fmt.Sprintf("no data transferred for %s", time.Duration(s)) }
func (s stalled) Timeout() bool { return true }

type watch struct {
	ctx    context.Context // of one request; canceled when it ends
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (w *watch) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// reason returns the reason for the error err of a request.
func (w *watch) reason(err error) error {
	var s stalled
	if errors.As(context.Cause(w.ctx), &s) {
		return s
	}
	return err
}

type sentBody struct {
	io.ReadCloser
	w *watch
	p patience
}

func (b *sentBody) Read(buf []byte) (int, error) {
	b.w.timer.Stop()
	n, err := b.ReadCloser.Read(buf)
	if err == nil {
		b.w.timer.Reset(b.p.quiet)
	} else {
		b.w.timer.Reset(b.p.settle)
	}
	return n, err
}

type gotBody struct {
	io.ReadCloser
	w *watch
	p patience
}

func (b *gotBody) Read(buf []byte) (int, error) {
	b.w.timer.Reset(b.p.quiet)
	n, err := b.ReadCloser.Read(buf)
	b.w.timer.Stop()
	if err != nil && err != io.EOF {
		err = b.w.reason(err)
	}
	return n, err
}

func (b *gotBody) Close() error {
	err := b.ReadCloser.Close()
	b.w.end()
	return err
}

// checkRedirect refuses redirects from public hosts to private addresses (SSRF). Other redirects
// are followed, since registries keep blobs elsewhere.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("the registry redirects in a loop")
	}
	return checkHop(via[0].URL, req.URL)
}

// checkHop returns an error if a public host refers to a private address (SSRF).
func checkHop(from, to *url.URL) error {
	if from.Hostname() == to.Hostname() || !isInside(to.Hostname()) || isInside(from.Hostname()) {
		return nil
	}
	return fmt.Errorf("the registry refers to %s, an address in this network", to.Hostname())
}

// isInside reports whether host is a loopback, private or link-local address.
func isInside(host string) bool {
	ip := net.ParseIP(host)
	return isLoopback(host) ||
		ip != nil && (ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() || ip.IsUnspecified())
}
