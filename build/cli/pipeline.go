package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/pipeline"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/usage"
)

func (p *Program) ciCommand() *cobra.Command {
	var (
		flags        pipelineFlags
		check, force bool
	)
	c := &cobra.Command{
		Use: "ci [github|gitlab|argo]", Short: "Write the workflow of the release for a CI service",
		Long: `Ci writes a workflow that makes the release of a tag: shards package it on runners of
their platforms, one job merges and verifies what they made, and one publishes it. Only
the last job has the right to publish, and its secrets. The workflow follows from
slipway.yaml: its platforms, hooks, signatures and destinations. The environment does
not affect it. See docs/pipelines.md.

The file says with which command it was made. With --check, slipway ci makes it again
and prints what differs; the exit status is 1 if slipway.yaml or Slipway has changed
since, or if the file was edited. Arguments are then files; without any, it checks those
at the usual places. A file that was edited, or not made by slipway ci, is replaced only
with --force.`,
		Example: examples("slipway ci github", "slipway ci github --shards 5 --runner linux/arm64=self-hosted,arm64", "slipway ci gitlab --file .gitlab/release.yml", "slipway ci --check"),
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case check:
				return nil
			case len(args) != 1 || !slices.Contains(pipeline.Services, args[0]):
				return usage.Errorf("want one service: %s", strings.Join(pipeline.Services, ", "))
			}
			return nil
		},
		ValidArgs: pipeline.Services,
		RunE: func(c *cobra.Command, args []string) error {
			if check {
				if used := usedFlags(c, flags.names()); used != "" || force {
					return usage.Errorf("--check takes the options of the file: give only files")
				}
				return p.checkPipelines(c.Context(), args)
			}
			flags.Service = args[0]
			return p.writePipeline(c.Context(), flags, force)
		},
	}
	c.GroupID = "project"
	c.Flags().StringVar(&p.settings.Config, "config", "", "path of slipway.yaml (default: the nearest one in this folder or above)")
	flags.add(c.Flags())
	c.Flags().BoolVar(&check, "check", false, "write nothing: compare generated files with slipway.yaml")
	c.Flags().BoolVar(&force, "force", false, "replace a file that was edited, or that slipway ci did not make")
	return c
}

// usedFlags returns one of the flags that was given, or "".
func usedFlags(c *cobra.Command, names []string) (used string) {
	for _, name := range names {
		if c.Flags().Changed(name) {
			used = name
		}
	}
	return used
}

// pipelineFlags are the flags of slipway ci that its files repeat.
type pipelineFlags struct {
	pipeline.Options
	runners []string
}

func (f *pipelineFlags) add(flags *pflag.FlagSet) {
	flags.IntVar(&f.Shards, "shards", 0, "number of jobs that package the release (default: one for each kind of runner)")
	flags.StringArrayVar(&f.runners, "runner", nil, "PLATFORM=LABEL: runner of a platform, such as linux/arm64=self-hosted,arm64; on Argo, the architecture of a node")
	flags.StringVar(&f.Slipway, "slipway", "", "command that runs Slipway in jobs (default: go tool slipway, if it is a tool of go.mod)")
	flags.StringVar(&f.Image, "image", "", "container image of jobs on GitLab and Argo, with bash, git and Go (default: golang, with the version of go.mod)")
	flags.StringArrayVar(&f.Secrets, "secret", nil, "NAME of a secret that shards get as a variable, such as DOCKER_USERNAME to pull private images")
	flags.DurationVar(&f.Timeout, "timeout", 0, "time limit of each job (default: 2h)")
	flags.StringVar(&f.File, "file", "", "path of the file in the repository (default: .github/workflows/slipway.yml, .gitlab/slipway.yml or .argo/slipway.yaml)")
}

// names returns the names of the flags.
func (f *pipelineFlags) names() (names []string) {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(pipelineFlags).add(set)
	set.VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	return names
}

// options returns the options of the flags.
func (f *pipelineFlags) options() (pipeline.Options, error) {
	o := f.Options
	o.Runners = map[string]string{}
	for _, runner := range f.runners {
		platform, labels, _ := strings.Cut(runner, "=")
		if _, twice := o.Runners[platform]; twice {
			return o, usage.Errorf("--runner %s: %s has another", runner, platform)
		}
		o.Runners[platform] = labels
	}
	return o, nil
}

// unset is an environment without variables, since a pipeline must not depend on that of the person who makes it.
func unset(string) (string, bool) { return "", false }

// loadForPipeline loads slipway.yaml without the environment.
func (p *Program) loadForPipeline(ctx context.Context) (*config.Config, error) {
	o := release.Options{Config: p.settings.Config, Project: p.settings.Project}
	o.Getenv = unset
	r, err := release.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.Config, nil
}

func (p *Program) writePipeline(ctx context.Context, flags pipelineFlags, force bool) error {
	options, err := flags.options()
	if err != nil {
		return err
	}
	c, err := p.loadForPipeline(ctx)
	if err != nil {
		return err
	}
	text, err := pipeline.Text(c, options)
	if err != nil {
		return err
	}
	file := pipelineFile(c, options)
	switch old, err := regular.ReadFile(file); {
	case errors.Is(err, fs.ErrNotExist) || force:
	case err != nil:
		return fmt.Errorf("reading the earlier pipeline: %w", err)
	default:
		if generated, ok := pipeline.ParseGenerated(string(old)); !ok {
			return fmt.Errorf("%s: slipway ci did not make this file: replace it with --force, or write another with --file", file)
		} else if generated.Edited {
			return fmt.Errorf("%s was edited since slipway ci made it: replace it with --force, or write another with --file", file)
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("writing the pipeline: %w", err)
	}
	if err := atomicfile.WriteFile(file, []byte(text)); err != nil {
		return fmt.Errorf("writing the pipeline: %w", err)
	}
	_, err = fmt.Fprintln(p.Stdout, "wrote "+file)
	return err
}

// pipelineFile returns where the file of a pipeline is on disk.
func pipelineFile(c *config.Config, o pipeline.Options) string {
	name := o.File
	if name == "" {
		name = pipeline.DefaultFile(o.Service)
	}
	return filepath.Join(pipeline.Root(c.Dir), filepath.FromSlash(name))
}

// checkPipelines compares files with those that slipway.yaml gives now.
func (p *Program) checkPipelines(ctx context.Context, files []string) error {
	c, err := p.loadForPipeline(ctx)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		for _, service := range pipeline.Services {
			file := pipelineFile(c, pipeline.Options{Service: service})
			if _, err := os.Stat(file); err == nil {
				files = append(files, file)
			}
		}
	}
	if len(files) == 0 {
		return errors.New("no pipeline was found: write one with slipway ci github, gitlab or argo, or name the file")
	}
	var errs []error
	for _, file := range files {
		if err := checkPipeline(c, file); err != nil {
			errs = append(errs, err)
		} else if _, err := fmt.Fprintln(p.Stdout, file+" is up to date"); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

func checkPipeline(c *config.Config, file string) error {
	text, err := regular.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading a pipeline: %w", err)
	}
	generated, ok := pipeline.ParseGenerated(string(text))
	if !ok {
		return fmt.Errorf("%s: slipway ci did not make this file", file)
	}
	command := strings.Join(generated.Command, " ")
	var flags pipelineFlags
	set := pflag.NewFlagSet(command, pflag.ContinueOnError)
	flags.add(set)
	if err := set.Parse(generated.Command); err != nil || set.NArg() != 3 {
		return fmt.Errorf("%s: %q in its first line is not a command of this version of Slipway: run slipway ci again", file, command)
	}
	flags.Service = set.Arg(2)
	options, err := flags.options()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	want, err := pipeline.Text(c, options)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	differences := generated.Differences(want)
	switch {
	case generated.Edited:
		return fmt.Errorf("%s was edited since `%s` made it; with --force, the command would change\n%s", file, command, differences)
	case differences != "":
		return fmt.Errorf("%s is stale: slipway.yaml or Slipway has changed since; `%s` would change\n%s", file, command, differences)
	}
	return nil
}
