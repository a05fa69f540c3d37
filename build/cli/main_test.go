package cli

import (
	"context"
	"os"
	"testing"
)

// TestMain makes the test program behave like slipway where a test has set SLIPWAY_TEST_MAIN, since verify --rebuild runs
// its own program.
func TestMain(m *testing.M) {
	if os.Getenv("SLIPWAY_TEST_MAIN") == "" {
		os.Exit(m.Run())
	}
	p := Program{Version: "v1.2.3", Getenv: os.LookupEnv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	os.Exit(p.Run(context.Background(), os.Args[1:]))
}
