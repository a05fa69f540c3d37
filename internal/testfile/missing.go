package testfile

import (
	"os"
	"testing"
)

// Missing skips a test that needs something that this machine lacks. With SLIPWAY_REQUIRE_ENGINES=1, it fails the test.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("SLIPWAY_REQUIRE_ENGINES") == "1" {
		t.Fatalf("SLIPWAY_REQUIRE_ENGINES=1, but "+format, args...)
	}
	t.Skipf(format, args...)
}
