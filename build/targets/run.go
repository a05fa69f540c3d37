package targets

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/magefile/mage/mg"

	"github.com/slipway-build/slipway/build/ci"
	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/settings"
	"github.com/slipway-build/slipway/build/traces"
	"github.com/slipway-build/slipway/internal/process"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// releases has the releases of this process by operating system, so that several targets of one
// command share their results. Mage runs targets one after another.
var releases = map[string]*release.Release{}

// lookupEnv is os.LookupEnv. Child processes do not inherit the secrets that it finds.
var lookupEnv = sync.OnceValue(func() func(string) (string, bool) { return process.Withhold(settings.Secrets...) })

// getenv is os.Getenv with the secrets.
func getenv(name string) string {
	value, _ := lookupEnv()(name)
	return value
}

// interruptible runs the work of a target, and cancels it when a signal arrives or mage ends. Its
// error has the exit status that docs/automation.md specifies.
func interruptible(ctx context.Context, work func(context.Context) error) error {
	ctx, stop := process.Interruptible(ctx)
	defer stop()
	if startedByMage() {
		ctx, stop = process.WithParent(ctx)
		defer stop()
	}
	err := work(ctx)
	if why := process.Interrupted(ctx); err != nil && why != nil {
		err = why
	}
	return exit(err)
}

// startedByMage reports whether mage compiled this program into its cache and runs it. A program
// from `mage -compile` may have any parent process.
func startedByMage() bool {
	self, err := os.Executable()
	if err != nil {
		return false
	}
	folder, err := os.Stat(filepath.Dir(self))
	if err != nil {
		return false
	}
	cache, err := os.Stat(mg.CacheDir())
	return err == nil && os.SameFile(folder, cache)
}

func open(ctx context.Context, system string) (*release.Release, error) {
	if b, ok := releases[system]; ok {
		return b, nil
	}
	settings, err := settings.From(lookupEnv())
	if err != nil {
		return nil, err
	}
	b, err := openNew(ctx, settings, system)
	if err == nil {
		releases[system] = b
	}
	return b, err
}

func openNew(ctx context.Context, s settings.Settings, system string) (*release.Release, error) {
	s.OS = system
	s.LimitMemory()
	return release.Open(ctx, s.Release())
}

// openFor returns the release of a selection, and the selection of what Run makes. A release that is narrowed to a shard
// is not shared with other targets.
func openFor(ctx context.Context, selection plan.Selection) (*release.Release, plan.Selection, error) {
	settings, err := settings.From(lookupEnv())
	if err != nil {
		return nil, selection, err
	}
	if selection.Verb != "publish" {
		if selection.Shard, err = settings.ParseShard(); err != nil {
			return nil, selection, err
		}
	}
	if selection.Shard.Of == 0 {
		b, err := open(ctx, selection.OS)
		return b, selection, err
	}
	b, err := openNew(ctx, settings, selection.OS)
	if err != nil {
		return nil, selection, err
	}
	narrowed, err := b.Target(selection)
	return b, narrowed, err
}

// run runs one verb, and prints its result.
func run(ctx context.Context, verb string, only ...string) error {
	return reported(ctx, verb, func(ctx context.Context, job *ci.Job) error {
		selection, err := plan.Select(verb, only)
		if err != nil {
			return err
		}
		b, selection, err := openFor(ctx, selection)
		if err != nil {
			return err
		}
		err = watched(ctx, job, func(ctx context.Context) error {
			return b.Recorded(ctx, "mage "+verb, selection, func(ctx context.Context) error { return b.Run(ctx, selection) })
		})
		job.Result = b.Result(selection)
		if err != nil {
			return err
		}
		return b.WriteSummary(ctx, os.Stdout, selection)
	})
}

// reported runs work as interruptible does, and reports the result to a CI service.
func reported(ctx context.Context, command string, work func(context.Context, *ci.Job) error) error {
	return interruptible(ctx, func(ctx context.Context) error {
		job := ci.Job{Command: command}
		job.Failure = work(ctx, &job)
		if err := ci.FromEnvironment(os.Getenv).Write(job); err != nil {
			return errors.Join(job.Failure, err)
		}
		return job.Failure
	})
}

// watched runs work with a display of its progress on standard error. The warnings are added to the
// job.
func watched(ctx context.Context, job *ci.Job, work func(context.Context) error) error {
	mode, err := progress.ParseMode(os.Getenv("PROGRESS"))
	if err != nil {
		return mg.Fatalf(2, "environment PROGRESS: %v", err)
	}
	display := progress.New(mode, os.Stderr, progress.Options{
		Verbose: os.Getenv("DEBUG") != "" || mg.Verbose(), Title: job.Command, Getenv: os.Getenv})
	ctx, end := traces.Start(ctx, "mage "+job.Command, "", display, getenv)
	err = work(ctx)
	end(err)
	display.Close()
	job.Warnings = append(job.Warnings, display.Warnings()...)
	return err
}

// exit sets the documented exit status of an error. With PROGRESS=json it also writes the error
// event, and on GitHub the annotations, which precede mage's own line.
func exit(err error) error {
	if err == nil {
		return nil
	}
	err = redact.Error(err)
	err = progress.Presentable(err)
	// Mage writes the error as text.
	if mode := progress.Resolve(progress.Mode(os.Getenv("PROGRESS")), os.Stderr, os.Getenv); mode == progress.JSON || mode == progress.GitHub {
		progress.WriteFailure(mode, os.Stderr, os.Getenv, "", err)
	}
	var wrong *usage.Error
	if errors.As(err, &wrong) {
		return mg.Fatal(2, err)
	}
	return err
}
