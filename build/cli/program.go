package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-build/slipway/build/ci"
	"github.com/slipway-build/slipway/build/settings"
	"github.com/slipway-build/slipway/build/traces"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/build/workbench/caches"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/process"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// A Program is the slipway command, with all its inputs.
type Program struct {
	// Version and RuntimeImage are set by the linker.
	Version, RuntimeImage string
	Getenv                func(string) (string, bool)
	Stdin                 io.Reader
	Stdout, Stderr        io.Writer

	raw       io.Writer // Stdout, for bytes that are not text
	settings  settings.Settings
	platforms []string
	plainHTTP []string
	progress  string
	verbose   bool
	olds      []string     // see oldFlag
	usedOlds  *atomic.Bool // a delta was opened with olds
	// job is the report to a CI service. Its Command is empty for commands without a report.
	job ci.Job
}

// Run runs one command line and returns the exit status.
func (p Program) Run(ctx context.Context, args []string) int {
	p.raw, p.Stdout = p.Stdout, progress.Clean(p.Stdout)
	var err error
	p.settings, err = settings.From(p.Getenv)
	p.settings.Version = p.Version
	if err != nil {
		p.fail(args, err)
		return 2
	}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	err = root.ExecuteContext(ctx)
	if p.job.Command != "" {
		p.job.Failure = err
		if unwritten := p.settings.CI.Write(p.job); unwritten != nil {
			err = errors.Join(err, unwritten)
		}
	}
	if err != nil {
		if why := process.Interrupted(ctx); why != nil {
			p.fail(args, why)
			return why.ExitStatus()
		}
		p.fail(args, err)
		var wrong *usage.Error
		if errors.As(err, &wrong) {
			return 2
		}
		return 1
	}
	return 0
}

// fail prints the error of a command, in the form of --progress. It parses args itself, because the
// error may be in a flag before --progress.
func (p *Program) fail(args []string, err error) {
	flags := new(cobra.Command).Flags()
	flags.ParseErrorsAllowlist.UnknownFlags = true
	word := flags.String("progress", p.env("PROGRESS", ""), "")
	_ = flags.Parse(args)
	progress.WriteFailure(progress.Mode(*word), p.Stderr, p.getenv, "slipway", err)
}

func (p *Program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "slipway",
		Short: "Takes a Kubernetes distribution from source to release, for Linux and Windows",
		Long: `Slipway compiles binaries, builds images per OS, architecture and Windows version,
publishes them as one multi-OS index, and writes air-gap archives in which a node
without internet access finds its images in milliseconds.

The commands of the first group read the nearest slipway.yaml; the others work
without a project. Environment: ` + settings.Environment,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       p.Version,
	}
	asGroup(root)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage.Errorf("%w; see `%s --help`", err, c.CommandPath())
	})
	root.AddGroup(&cobra.Group{ID: "project", Title: "In a project (slipway.yaml):"}, &cobra.Group{ID: "tools", Title: "Without a project:"})
	flags := root.PersistentFlags()
	flags.StringSliceVar(&p.platforms, "platform", nil, "platforms such as linux/amd64 or windows/amd64:10.0.20348.4294 (environment PLATFORMS)")
	flags.IntVar(&p.settings.Jobs, "jobs", p.settings.Jobs, "maximum number of parallel jobs; at least 4 for transfers (environment JOBS)")
	flags.StringVar(&p.progress, "progress", p.env("PROGRESS", "auto"), "auto, tty, plain, github, gitlab, json or none (environment PROGRESS)")
	flags.StringVar(&p.settings.Cache, "cache-dir", p.settings.Cache, "folder of the content cache (environment SLIPWAY_CACHE)")
	flags.BoolVar(&p.settings.Offline, "offline", p.settings.Offline, "do not use the network, only the cache (environment SLIPWAY_OFFLINE)")
	flags.BoolVarP(&p.verbose, "verbose", "v", p.env("DEBUG", "") != "", "show the output of child processes (environment DEBUG)")
	flags.StringSliceVar(&p.plainHTTP, "plain-http", nil, "registries, HOST[:PORT], to reach over plain HTTP (environment SLIPWAY_PLAIN_HTTP)")
	flags.StringVar(&p.settings.Project, "project", p.settings.Project, "folder of the project, whose slipway.yaml is used (environment SLIPWAY_PROJECT; default: this folder or the nearest one above that has one)")
	root.PersistentPreRunE = func(c *cobra.Command, words []string) error {
		p.useOlds(c)
		if c.Flags().Lookup("cache-key") == nil {
			p.settings.Shared = caches.Shared{} // the command makes nothing to share, and needs none of the keys
		}
		return errors.Join(p.readFlags(), projectFlag(c), emptyFlags(c), p.checkOffline(c, words))
	}
	root.AddCommand(p.projectCommands()...)
	root.AddCommand(p.imageCommand(), p.indexCommand(), p.airgapCommand(), p.sizeCommand(), p.sbomCommand(), p.cacheCommand(), p.keyCommand(), p.signBlobCommand(), p.verifyBlobCommand(), p.loginCommand(), p.logoutCommand(), p.schemaCommand(), p.versionCommand())
	everyCommand(root, completeFlags)
	everyCommand(root, func(c *cobra.Command) {
		if args := c.Args; args != nil {
			c.Args = func(c *cobra.Command, words []string) error {
				if err := args(c, words); err != nil {
					return usage.Errorf("%w; see `%s --help`", err, c.CommandPath())
				}
				return nil
			}
		}
	})
	return root
}

// asGroup makes c a command that only has subcommands. Without one, it shows its help; an unknown
// one is an error.
func asGroup(c *cobra.Command) *cobra.Command {
	c.SuggestionsMinimumDistance = 2
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	c.Args = func(c *cobra.Command, words []string) error {
		if len(words) == 0 {
			return nil
		}
		err := fmt.Errorf("unknown command %q of %s", words[0], c.CommandPath())
		if near := c.SuggestionsFor(words[0]); len(near) > 0 {
			err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, " or "))
		}
		return err
	}
	return c
}

func everyCommand(c *cobra.Command, do func(*cobra.Command)) {
	do(c)
	for _, sub := range c.Commands() {
		everyCommand(sub, do)
	}
}

func (p *Program) getenv(name string) string { return p.env(name, "") }

func (p *Program) env(name, otherwise string) string {
	if v, ok := p.Getenv(name); ok && v != "" {
		return v
	}
	return otherwise
}

// readFlags checks the flags of every command.
func (p *Program) readFlags() error {
	var errs []error
	if p.settings.Jobs < 1 {
		errs = append(errs, fmt.Errorf("--jobs %d: want a number from 1", p.settings.Jobs))
	}
	if len(p.platforms) > 0 {
		platforms, err := images.ParsePlatforms(p.platforms)
		if err != nil {
			errs = append(errs, fmt.Errorf("--platform: %w", err))
		}
		p.settings.Platforms = platforms
	}
	if err := settings.CheckPlainHTTP(p.plainHTTP); err != nil {
		errs = append(errs, fmt.Errorf("--plain-http: %w", err))
	}
	p.settings.PlainHTTP = append(p.settings.PlainHTTP, p.plainHTTP...)
	if err := p.settings.Builder.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("--builder: %w", err))
	}
	if _, err := progress.ParseMode(p.progress); err != nil {
		errs = append(errs, fmt.Errorf("--progress: %w", err))
	}
	if len(errs) > 0 {
		return usage.Wrap(errors.Join(errs...))
	}
	p.settings.LimitMemory()
	return nil
}

// valued is the annotation of flags that must not be given without a value.
const valued = "slipway_valued"

// mustHaveValue makes it a usage error to give one of these flags an empty value, such as that of an unset variable of a
// shell. It is for flags that ask for a check, a signature or a limit: an empty value would silently drop it.
func mustHaveValue(c *cobra.Command, names ...string) {
	for _, name := range names {
		c.Flags().Lookup(name).Annotations = map[string][]string{valued: {"true"}}
	}
}

// emptyFlags returns an error for each flag that must have a value, and was given an empty one.
func emptyFlags(c *cobra.Command) error {
	var errs []error
	c.Flags().Visit(func(flag *pflag.Flag) {
		values := []string{flag.Value.String()}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if flag.Annotations[valued] != nil && (len(values) == 0 || slices.Contains(values, "")) {
			errs = append(errs, usage.Errorf("--%s has an empty value: give it one, or leave it out", flag.Name))
		}
	})
	return errors.Join(errs...)
}

// watched runs work with a display of its progress on standard error.
func (p *Program) watched(c *cobra.Command, work func(ctx context.Context) error) error {
	mode, err := progress.ParseMode(p.progress)
	if err != nil {
		return err
	}
	display := progress.New(mode, p.Stderr, progress.Options{Verbose: p.verbose, Title: c.CommandPath(), Getenv: p.getenv})
	ctx, end := traces.Start(c.Context(), c.CommandPath(), p.Version, display, p.getenv)
	if err = work(ctx); err == nil {
		p.warnUnused(ctx)
	}
	end(err)
	display.Close()
	p.job.Warnings = append(p.job.Warnings, display.Warnings()...)
	return err
}

// withWorkbench opens a workbench and runs work with it, with a display of its progress.
func (p *Program) withWorkbench(c *cobra.Command, work func(context.Context, *workbench.Workbench) error) error {
	return p.watched(c, func(ctx context.Context) error {
		w, err := workbench.Open(p.settings.Workbench())
		if err != nil {
			return err
		}
		defer w.Close()
		return work(ctx, w)
	})
}

// examples returns lines with the indentation that cobra expects.
func examples(lines ...string) string { return "  " + strings.Join(lines, "\n  ") }
