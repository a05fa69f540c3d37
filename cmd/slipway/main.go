// Slipway takes a Kubernetes distribution from source to release, and its air-gap archives to nodes
// without internet access. See `slipway --help`.
package main

import (
	"context"
	"os"

	"github.com/slipway-build/slipway/build/cli"
	"github.com/slipway-build/slipway/build/settings"
	"github.com/slipway-build/slipway/internal/process"
)

// Set by the linker; see slipway.yaml.
var (
	version      = "dev"
	runtimeImage = ""
)

func main() {
	ctx, stop := process.Interruptible(context.Background())
	program := cli.Program{
		Version: version, RuntimeImage: runtimeImage, Getenv: process.Withhold(settings.Secrets...),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	status := program.Run(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}
