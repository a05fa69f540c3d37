package slipway_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/golden"
)

// People and CI jobs use these names of targets.
func TestMageTargets(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the magefile")
	}
	// Not in parallel: mage writes mage_output_file.go to this folder while it compiles, and other tests that run mage
	// here would see it.
	cmd := exec.CommandContext(t.Context(), "go", "tool", "mage", "-l")
	cmd.Env = append(os.Environ(), "MAGEFILE_CACHE="+t.TempDir())
	var said strings.Builder
	cmd.Stderr = &said // go reports downloads there
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go tool mage -l: %v\n%s", err, said.String())
	}
	golden.Equal(t, out)
}
