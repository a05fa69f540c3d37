package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/images/credentials"
)

// endpointOf returns an endpoint to push to a registry, without a request.
func endpointOf(t *testing.T, registry string) *Endpoint {
	t.Helper()
	repo, err := name.NewRepository(registry + "/org/x")
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Options{Keys: credentials.New(credentials.Options{})}).Target(repo)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAStalledBodyIsTriedAgain(t *testing.T) {
	stop, asked := make(chan struct{}), atomic.Int32{}
	content := strings.Repeat("x", 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/" {
			return
		}
		if asked.Add(1) > 1 {
			fmt.Fprint(w, content)
			return
		}
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, content[:100])
		http.NewResponseController(w).Flush()
		<-stop
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(stop) })
	e := endpointOf(t, strings.TrimPrefix(server.URL, "http://"))
	e.host.wire = newWire(http.Header{}, &rates{}, patience{quiet: 50 * time.Millisecond, settle: 50 * time.Millisecond}, nil, 0)
	var got []byte
	err := Pace{First: time.Millisecond}.Try(t.Context(), func() error {
		r, err := e.NewRequest(t.Context(), http.MethodGet, "blobs", "sha256:x")
		if err != nil {
			return err
		}
		resp, err := e.Do(t.Context(), r, http.StatusOK)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		got, err = io.ReadAll(resp.Body)
		return err
	})
	if err != nil || string(got) != content || asked.Load() != 2 {
		t.Errorf("%v: received %d bytes after %d requests; want 1000 after 2", err, len(got), asked.Load())
	}
}

func TestBrokenConnectionsAreRecognizedAtAnyDepth(t *testing.T) {
	op := func(op string, err error) error { return &net.OpError{Op: op, Net: "tcp", Err: err} }
	other := errors.New("wsasend: an existing connection was forcibly closed")
	for _, c := range []struct {
		err  error
		want bool
	}{
		{op("readfrom", op("write", syscall.ECONNRESET)), true},
		{op("readfrom", op("write", syscall.EPIPE)), true},
		{op("readfrom", op("write", other)), true},
		{fmt.Errorf("sending: %w", errors.Join(op("sendfile", syscall.ECONNABORTED))), true},
		{op("read", other), true},
		{op("dial", syscall.ECONNREFUSED), false},
		{op("proxyconnect", op("dial", syscall.ECONNREFUSED)), false},
		{op("remote error", errors.New("tls: bad certificate")), false},
		{&LocalError{op("read", syscall.ECONNRESET)}, false},
	} {
		if got := isTemporary(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}

func TestRegistriesOfTheWorldDoNotSendUsInside(t *testing.T) {
	for _, c := range []struct {
		from, to string
		ok       bool
	}{
		{"https://registry.example/v2/", "https://cdn.example/blob", true},
		{"https://registry.example/v2/", "https://registry.example/blob", true},
		{"https://registry.example/v2/", "http://169.254.169.254/latest", false},
		{"https://registry.example/v2/", "http://127.0.0.1/blob", false},
		{"http://10.0.0.5:5000/v2/", "http://10.0.0.6:9000/blob", true},
		{"http://localhost:5000/v2/", "http://127.0.0.1:9000/blob", true},
	} {
		from, _ := http.NewRequest(http.MethodGet, c.from, nil)
		to, _ := http.NewRequest(http.MethodGet, c.to, nil)
		if err := checkRedirect(to, []*http.Request{from}); (err == nil) != c.ok {
			t.Errorf("%s -> %s: %v", c.from, c.to, err)
		}
	}
}

// A registry on the Internet must not redirect requests to this network.
func TestRequestsDoNotFollowRedirectsInside(t *testing.T) {
	var asked atomic.Bool
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	t.Cleanup(inside.Close)
	e := endpointOf(t, "registry.example")
	e.host.scheme = "https"
	e.host.wire = redirecting(inside.URL)
	r, err := e.NewRequest(t.Context(), http.MethodPost, "blobs", "uploads/")
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Do(t.Context(), r, http.StatusAccepted)
	if err == nil || !strings.Contains(err.Error(), "address in this network") || asked.Load() {
		t.Errorf("%v, asked %v", err, asked.Load())
	}
}

type redirecting string

func (to redirecting) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusTemporaryRedirect, Header: http.Header{"Location": {string(to)}},
		Body: http.NoBody, Request: r}, nil
}

func TestForeignURLsDoNotLeadInside(t *testing.T) {
	e := endpointOf(t, "registry.example")
	e.host.scheme = "https"
	for _, text := range []string{"http://127.0.0.1:8080/layer", "file:///etc/passwd", "https://169.254.169.254/latest"} {
		if u, err := e.ForeignURL(text); err == nil {
			t.Errorf("%s: %v", text, u.url)
		}
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "x.localhost": true,
		"10.0.0.1": false, "localhost.example": false, "": false,
	} {
		if got := isLoopback(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}
