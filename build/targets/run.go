package targets

import (
	"context"
	"errors"
	"os"

	"github.com/magefile/mage/mg"

	"github.com/slipway-build/slipway/build"
	"github.com/slipway-build/slipway/progress"
)

// builders are those of this process by operating system, so that several
// targets of one command share what they make. Mage runs targets one by one.
var builders = map[string]*build.Builder{}

func open(ctx context.Context, system string) (*build.Builder, error) {
	if b, ok := builders[system]; ok {
		return b, nil
	}
	settings, err := build.SettingsFrom(os.LookupEnv)
	if err != nil {
		return nil, exit(err)
	}
	settings.OS = system
	settings.LimitMemory()
	b, err := build.Open(ctx, settings)
	if err != nil {
		return nil, exit(err)
	}
	builders[system] = b
	return b, nil
}

// run does one verb, and prints what came of it.
func run(ctx context.Context, verb string, only ...string) error {
	selection, err := build.Select(verb, only)
	if err != nil {
		return exit(err)
	}
	b, err := open(ctx, selection.OS)
	if err != nil {
		return err
	}
	if err := watched(ctx, func(ctx context.Context) error { return b.Run(ctx, selection) }); err != nil {
		return exit(err)
	}
	return b.WriteSummary(ctx, os.Stdout, selection)
}

// watched runs work with a display of its progress on standard error.
func watched(ctx context.Context, work func(context.Context) error) error {
	mode, err := progress.ParseMode(os.Getenv("PROGRESS"))
	if err != nil {
		return mg.Fatalf(2, "environment PROGRESS: %v", err)
	}
	display := progress.New(mode, os.Stderr, progress.Options{
		Verbose: os.Getenv("DEBUG") != "" || mg.Verbose(), Getenv: os.Getenv})
	err = work(display.Context(ctx))
	display.Close()
	return err
}

// exit gives usage errors the exit status of the contract. With PROGRESS=json it
// writes the error event, which stands before mage's own line.
func exit(err error) error {
	if mode := progress.Mode(os.Getenv("PROGRESS")); mode == progress.JSON {
		progress.WriteFailure(mode, os.Stderr, "", err)
	}
	var usage *build.UsageError
	if errors.As(err, &usage) {
		return mg.Fatal(2, err)
	}
	return err
}
