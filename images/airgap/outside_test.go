package airgap_test

import (
	"context"
	"net"
	"testing"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/serve"
	"github.com/slipway-build/slipway/images/airgap/verify"
)

func mustVerify(t testing.TB, path string, o verify.Options) *verify.Report {
	t.Helper()
	r, err := verify.Archive(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// serveAll serves archives and returns the host and port.
func serveAll(t testing.TB, paths ...string) string {
	t.Helper()
	var archives []*airgap.Archive
	for _, path := range paths {
		a, err := airgap.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		archives = append(archives, a)
	}
	server := newServer(t, archives, serve.Options{Dir: t.TempDir(), Limit: 1 << 30, Log: func(line string) { t.Log(line) }})
	return listen(t, server)
}

// newServer is a server that is closed at the end of the test.
func newServer(t testing.TB, archives []*airgap.Archive, opts serve.Options) *serve.Server {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	server, err := serve.New(ctx, archives, opts)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// listen lets clients connect until the end of the test.
func listen(t testing.TB, server *serve.Server) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}
