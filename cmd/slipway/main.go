// Slipway takes a Kubernetes distribution from source to release, and its
// air-gap archives to nodes without internet. See `slipway --help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/slipway-build/slipway/build/cli"
)

// Set by the linker: see slipway.yaml.
var (
	version      = "dev"
	runtimeImage = ""
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	program := cli.Program{
		Version: version, RuntimeImage: runtimeImage, Getenv: os.LookupEnv,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	status := program.Run(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}
