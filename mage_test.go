package slipway_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/slipway-build/slipway/internal/golden"
)

// People and CI jobs call the targets by these names.
func TestMageTargets(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the magefile")
	}
	cmd := exec.CommandContext(t.Context(), "go", "tool", "mage", "-l")
	cmd.Env = append(os.Environ(), "MAGEFILE_CACHE="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go tool mage -l: %v\n%s", err, out)
	}
	golden.Equal(t, out)
}
