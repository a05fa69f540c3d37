package testfile

import (
	"os"
	"testing"
)

// Missing skips a test for which this machine lacks something, or fails it where SLIPWAY_REQUIRE_ENGINES=1.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("SLIPWAY_REQUIRE_ENGINES") == "1" {
		t.Fatalf("SLIPWAY_REQUIRE_ENGINES=1, but "+format, args...)
	}
	t.Skipf(format, args...)
}
