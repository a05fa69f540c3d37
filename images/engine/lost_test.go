package engine_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/imagetest"
)

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "tcp://" + listener.Addr().String()
	listener.Close()
	build := buildOf(t, "FROM scratch\n", nil)
	for _, c := range []struct {
		name    string
		builder func(engine.Options) *engine.Builder
		address string
		want    []string
	}{
		{"buildkit, nobody listens", engine.Buildkit, nobody, []string{"connecting to BuildKit at " + nobody, "connection refused", "BUILDKIT_HOST"}},
		{"buildkit, no socket", engine.Buildkit, "unix:///nowhere/buildkitd.sock", []string{"connecting to BuildKit at unix:///nowhere", "no such file"}},
		{"buildkit, no such address", engine.Buildkit, "carrier-pigeon://x", []string{"connecting to BuildKit at carrier-pigeon://x", "want unix://…, tcp://…, docker-container://…"}},
		{"docker, nobody listens", engine.Docker, nobody, []string{"connecting to Docker Engine at " + nobody, "DOCKER_HOST"}},
		{"docker, no socket", engine.Docker, "unix:///nowhere/docker.sock", []string{"connecting to Docker Engine at unix:///nowhere", "DOCKER_HOST"}},
		{"docker, no such address", engine.Docker, "pigeon", []string{"connecting to Docker Engine at pigeon", "want unix://…, tcp://…"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			within(t, time.Minute, func() {
				_, err := c.builder(engine.Options{Address: c.address, Store: openStore(t)}).Assemble(t.Context(), build)
				want := c.want
				if runtime.GOOS == "windows" {
					want = want[:1] // the rest is the system's text
				}
				wantError(t, err, want...)
			})
		})
	}
}

// TestTheConnectionBreaks breaks the connection while a RUN runs.
func TestTheConnectionBreaks(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			w := imagetest.WireTo(t, e.address(t))
			build := buildOf(t, "FROM scratch\nCOPY tool /\nRUN [\"/tool\", \"wait\"]\n", nil)
			build.NoCache = true
			ctx := onLine(t.Context(), "waiting", w.Cut)
			s := openStore(t)
			within(t, time.Minute, func() {
				_, err := e.builder(engine.Options{Address: w.Address, Store: s}).Assemble(ctx, build)
				wantError(t, err, "Dockerfile for linux/amd64 with ", "lost the connection to the engine during the build")
			})
			nothingHalf(t, s.Dir())
		})
	}
}

// TestTheEngineDies kills a buildkitd while a RUN runs.
func TestTheEngineDies(t *testing.T) {
	w := imagetest.StartBuildkit(t)
	build := buildOf(t, "FROM scratch\nCOPY tool /\nRUN [\"/tool\", \"wait\"]\n", nil)
	ctx := onLine(t.Context(), "waiting", w.Kill)
	s := openStore(t)
	within(t, time.Minute, func() {
		_, err := engine.Buildkit(engine.Options{Address: w.Address, Store: s}).Assemble(ctx, build)
		wantError(t, err, "lost the connection to the engine during the build")
	})
	nothingHalf(t, s.Dir())
}

func nothingHalf(t *testing.T, store string) {
	t.Helper()
	left, _ := filepath.Glob(filepath.Join(store, ".slipway", "ingest", "*"))
	if len(left) > 0 {
		t.Errorf("partial files remain: %q", left)
	}
}

func TestCancel(t *testing.T) {
	withEngines(t, func(t *testing.T, start starter) {
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("somebody pressed Ctrl-C")
		build := buildOf(t, "FROM scratch\nCOPY tool /\nRUN [\"/tool\", \"wait\"]\n", nil)
		build.NoCache = true
		within(t, time.Minute, func() {
			_, err := start(t, engine.Options{}).Assemble(onLine(ctx, "waiting", func() { cancel(reason) }), build)
			if !errors.Is(err, reason) {
				t.Errorf("got %v, want %v", err, reason)
			}
		})
	})
}
