package servetest

import (
	"context"
	"net"
	"testing"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/serve"
)

// Archives serves archives until the end of the test, and returns the host and port.
func Archives(t testing.TB, paths ...string) string {
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
	server := New(t, archives, serve.Options{Dir: t.TempDir(), Limit: 1 << 30, Log: func(line string) { t.Log(line) }})
	return Listen(t, server)
}

// New returns a server that is closed at the end of the test.
func New(t testing.TB, archives []*airgap.Archive, opts serve.Options) *serve.Server {
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

// Listen lets clients connect until the end of the test, and returns the host and port.
func Listen(t testing.TB, server *serve.Server) string {
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
