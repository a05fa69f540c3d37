package engine_test

import (
	"net"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/images/engine"
	"github.com/slipway-build/slipway/images/engine/fleet"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/progress"
)

// A build that loses three engines fails, and a mistake in a Dockerfile is not tried elsewhere.
func TestAFleetGivesUp(t *testing.T) {
	var addresses []string
	for range 4 {
		addresses = append(addresses, closedPort(t))
	}
	shown := &printed{}
	ctx := progress.With(t.Context(), shown)
	engines := &fleet.Fleet{}
	_, err := engines.Buildkit(engine.Options{Store: openStore(t)}, addresses).Assemble(ctx, buildOf(t, "FROM scratch\nCOPY a /\n", map[string]string{"a": "1"}))
	if err == nil || !strings.Contains(err.Error(), "lost 3 engines during this build: connecting to BuildKit at "+addresses[2]) {
		t.Errorf("got %v", err)
	}
	if got := strings.Count(shown.String(), "building it again"); got != 2 {
		t.Errorf("%d warnings, want 2:\n%s", got, shown)
	}
	worker := imagetest.StartBuildkit(t)
	_, err = engines.Buildkit(engine.Options{Store: openStore(t)}, []string{worker.Address, addresses[3]}).Assemble(ctx, buildOf(t, "FROM scratch\nCOPY tool /\nRUN [\"/tool\", \"fail:a mistake\"]\n", nil))
	if err == nil || !strings.Contains(err.Error(), "a mistake") || strings.Contains(shown.String(), addresses[3]) {
		t.Errorf("got %v\n%s", err, shown)
	}
}

// closedPort returns an address at which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "tcp://" + l.Addr().String()
}
