package rebuild

import (
	"slices"
	"testing"
)

// A rebuild takes nothing from shared caches, since what another machine has made proves nothing, whatever the
// environment or slipway.yaml says.
func TestARebuildUsesNoSharedCache(t *testing.T) {
	got := environment([]string{"PATH=/bin", "SLIPWAY_CACHE_FROM=type=local,src=/shared", "GOCACHEPROG=slipway cache go"}, t.TempDir(), t.TempDir())
	for _, want := range []string{"PATH=/bin", "SLIPWAY_CACHE_FROM=none", "SLIPWAY_CACHE_TO=none"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in %q", want, got)
		}
	}
	if written := environment([]string{"SLIPWAY_RECORD=run.json"}, t.TempDir(), t.TempDir()); slices.Contains(written, "SLIPWAY_RECORD=run.json") {
		t.Error("a rebuild writes the record of the run that verifies")
	}
	for _, entry := range got {
		if entry == "GOCACHEPROG=slipway cache go" || entry == "SLIPWAY_CACHE_FROM=type=local,src=/shared" {
			t.Errorf("%s is passed on", entry)
		}
	}
}
