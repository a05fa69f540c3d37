package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/rebuild"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/scaffold"
	"github.com/slipway-build/slipway/build/scaffold/convert"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

func (p *Program) projectCommands() []*cobra.Command {
	publish := p.verbCommand("publish", "Push images, their multi-OS index, and the artifacts",
		"slipway publish --dry-run", "slipway publish --snapshot", "REGISTRY=registry.example.com:5000 slipway publish --only images,index")
	publish.AddCommand(p.publishReleaseCommand())
	return []*cobra.Command{
		p.planCommand(),
		p.whyCommand(),
		p.reportCommand(),
		p.checkCommand(),
		p.doctorCommand(),
		p.lockCommand(),
		p.verbCommand("build", "Compile the binaries and build the images into dist/oci",
			"slipway build", "slipway build acme-runtime@windows/amd64", "slipway build --only binaries", "slipway build --only images,windows",
			"BUILDER=buildkit BUILDKIT_HOST=tcp://127.0.0.1:1234 slipway build --only images"),
		p.verbCommand("package", "Write air-gap archives, bundles and checksums into dist/artifacts",
			"slipway package", "slipway package core@linux/arm64", "slipway package --only airgap,linux", "slipway package --platform linux/arm64"),
		publish,
		p.mergeCommand(),
		p.ciCommand(),
		p.verifyCommand(),
		p.cleanCommand(),
		p.initCommand(),
	}
}

// projectFlags adds the flags of every command that reads a slipway.yaml.
func (p *Program) projectFlags(c *cobra.Command) {
	c.GroupID = "project"
	c.Flags().StringVar(&p.settings.Config, "config", "", "path of slipway.yaml (default: the nearest one in this folder or above)")
	c.Flags().StringArrayVar(&p.settings.Set, "set", nil, "NAME=VALUE: value of a variable of slipway.yaml, or of a key, such as airgap.level=fastest or binaries.acme.tags=[debug]")
	c.Flags().StringVar(&p.settings.Dist, "out", "", "output folder (default: dist beside slipway.yaml)")
}

// recordFlag adds the flag of commands whose runs are recorded.
func (p *Program) recordFlag(c *cobra.Command) {
	c.Flags().StringVar(&p.settings.Record, "record", p.settings.Record, "file for a record of the run, for slipway report: what was done, when, where and why (environment SLIPWAY_RECORD)")
	mustHaveValue(c, "record")
}

// projectFlag returns an error if --project is given to a command that does not read the slipway.yaml of a project, or
// together with --config.
func projectFlag(c *cobra.Command) error {
	config := c.Flags().Lookup("config")
	switch {
	case !c.Flags().Changed("project"):
		return nil
	case config == nil:
		return usage.Errorf("--project: %s reads no slipway.yaml", c.CommandPath())
	case config.Changed:
		return usage.Errorf("--project and --config: want one of them")
	}
	return nil
}

// targetHelp describes the arguments of verbs.
var targetHelp = map[string]string{
	"build": `NAME is a binary or an image of slipway.yaml: only these are made, and the binaries and
artifacts in the images. Indexes keep the images that dist already has. PLATFORM is
linux/amd64, or windows/amd64:10.0.20348.4294 for one Windows version.`,
	"package": `NAME is a list, a bundle or a released binary of slipway.yaml: only their archives and
files are written, and the checksums of all files that dist then has. PLATFORM is
linux/amd64, or windows/amd64:10.0.20348.4294 for one Windows version.

Publish and verify refuse a release that is not complete.`,
}

// onlyFlag adds --only, and passes the selection to run.
func (p *Program) onlyFlag(c *cobra.Command, verb string, run func(c *cobra.Command, selection plan.Selection) error) {
	var only []string
	parts := plan.Verbs[verb]
	c.Flags().StringSliceVar(&only, "only", nil, fmt.Sprintf("restrict to these parts: %v, or to one of %v", parts, plan.Systems))
	if verb == "publish" {
		c.Flags().Lookup("only").Usage = fmt.Sprintf("restrict to these parts: %v", parts)
	}
	if verb != "publish" {
		c.Flags().StringVar(&p.settings.Shard, "shard", p.settings.Shard, "NUMBER/OF, such as 2/5: make only this part of the release; merge joins all of them (environment SLIPWAY_SHARD)")
	}
	c.RunE = func(c *cobra.Command, words []string) error {
		selection, err := plan.Select(verb, only)
		if err != nil {
			return err
		}
		if selection.Targets, err = plan.ParseTargets(words); err != nil {
			return err
		}
		if verb != "publish" {
			if selection.Shard, err = p.settings.ParseShard(); err != nil {
				return err
			}
			if selection.Shard.Of > 0 && len(words) > 0 {
				return usage.Errorf("--shard (environment SLIPWAY_SHARD) %s and %s: want one of them", selection.Shard, words[0])
			}
		}
		p.settings.OS = selection.OS
		return run(c, selection)
	}
}

func (p *Program) verbCommand(verb, short string, lines ...string) *cobra.Command {
	c := &cobra.Command{Use: verb, Short: short, Args: cobra.NoArgs, Example: examples(lines...)}
	p.projectFlags(c)
	p.recordFlag(c)
	c.Flags().BoolVar(&p.settings.DryRun, "dry-run", false, "print what would be done, and do nothing")
	if verb == "build" {
		c.Flags().BoolVar(&p.settings.NoCache, "no-cache", false, "rebuild images without using the cache")
	}
	if verb == "publish" {
		c.Flags().BoolVar(&p.settings.Force, "force", p.settings.Force, "replace existing content of a tag or release (environment FORCE)")
		c.Flags().BoolVar(&p.settings.Snapshot, "snapshot", p.settings.Snapshot, "allow an untagged version, or a checkout with uncommitted changes (environment SNAPSHOT)")
	} else {
		c.Flags().BoolVar(&p.settings.Locked, "locked", p.settings.Locked, "take the digests of slipway.lock instead of what tags refer to (environment SLIPWAY_LOCKED)")
		c.Flags().StringVar((*string)(&p.settings.Builder), "builder", string(p.settings.Builder), "embedded, docker or buildkit, for all images (environment BUILDER)")
		c.Flags().BoolVar(&p.settings.SkipWindows, "skip-windows", p.settings.SkipWindows, "skip all Windows platforms (environment SKIP_WINDOWS)")
	}
	var asJSON bool
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	if verb != "publish" {
		p.cacheFlags(c)
		c.Flags().StringVar(&p.settings.Signatures, rebuild.SignaturesFlag, "", "folder with signatures that archives get; nothing else is signed")
		_ = c.Flags().MarkHidden(rebuild.SignaturesFlag) // verify --rebuild passes it
		c.Use += " [NAME[@PLATFORM]…]"
		c.Args = cobra.ArbitraryArgs
		c.Long = short + ".\n\n" + targetHelp[verb]
		c.ValidArgsFunction = p.completeTargets(verb)
	}
	p.onlyFlag(c, verb, func(c *cobra.Command, selection plan.Selection) error {
		p.job.Command = c.CommandPath()
		b, err := release.Open(c.Context(), p.settings.Release())
		if err != nil {
			return err
		}
		defer b.Close()
		if selection, err = b.Target(selection); err != nil {
			return err
		}
		switch {
		case p.settings.DryRun && asJSON:
			return p.writeJSON(b.Selected(selection))
		case p.settings.DryRun:
			return p.dryRun(c, b, selection)
		}
		err = p.watched(c, func(ctx context.Context) error {
			return b.Recorded(ctx, c.CommandPath(), selection, func(ctx context.Context) error { return b.Run(ctx, selection) })
		})
		p.job.Result = b.Result(selection)
		switch {
		case err != nil:
			return err
		case asJSON:
			return p.writeJSON(p.job.Result)
		}
		return b.WriteSummary(c.Context(), p.Stdout, selection)
	})
	return c
}

// dryRun prints what would be done. For package, it also estimates what would be fetched.
func (p *Program) dryRun(c *cobra.Command, b *release.Release, selection plan.Selection) error {
	plan := b.Selected(selection)
	if err := plan.WriteTable(p.Stdout); err != nil || len(plan.Archives) == 0 {
		return err
	}
	var found *workbench.Preflight
	if err := p.watched(c, func(ctx context.Context) (err error) {
		found, err = b.Preflight(ctx, nil)
		return err
	}); err != nil {
		return err
	}
	fmt.Fprint(p.Stdout, "\nof other registries: ")
	return found.Write(p.Stdout)
}

func (p *Program) planCommand() *cobra.Command {
	var (
		asJSON  bool
		shards  int
		earlier string
	)
	c := &cobra.Command{
		Use: "plan", Short: "Print what would be built", Args: cobra.NoArgs,
		Example: examples("slipway plan", "slipway plan --json --platform windows/amd64", "slipway plan --shards 5 --json", "slipway plan --diff v1.0.0",
			"slipway plan --diff https://github.com/acme/app/releases/download/v1.0.0"),
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := release.Open(c.Context(), p.settings.Release())
			if err != nil {
				return err
			}
			defer b.Close()
			if err := p.watched(c, func(ctx context.Context) error { b.Warn(ctx); return nil }); err != nil {
				return err
			}
			if earlier != "" && c.Flags().Changed("shards") {
				return usage.Errorf("--diff and --shards: want one of them")
			}
			if earlier != "" {
				return p.planDiff(c, b, earlier, asJSON)
			}
			if c.Flags().Changed("shards") {
				return p.writeShards(b.Plan, shards, asJSON)
			}
			if asJSON {
				return p.writeJSON(b.Plan)
			}
			return b.Plan.WriteTable(p.Stdout)
		},
	}
	p.projectFlags(c)
	c.Flags().BoolVar(&p.settings.SkipWindows, "skip-windows", p.settings.SkipWindows, "skip all Windows platforms (environment SKIP_WINDOWS)")
	c.Flags().StringVar((*string)(&p.settings.Builder), "builder", string(p.settings.Builder), "embedded, docker or buildkit, for all images (environment BUILDER)")
	c.Flags().StringVar(&earlier, "diff", "", "print what the release would change, compared with a dist, an artifacts.json, or the URL or tag of a published release that has one; exit status 1 if there is a change")
	mustHaveValue(c, "diff")
	c.Flags().IntVar(&shards, "shards", 0, "print how build and package --shard divide the release into this number of shards; with --json, for the matrix of a CI job")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func (p *Program) cleanCommand() *cobra.Command {
	var (
		cache     bool
		olderThan string
		maxSize   string
	)
	c := &cobra.Command{
		Use: "clean", Short: "Remove everything that was written to dist", Args: cobra.NoArgs,
		Example: examples("slipway clean", "slipway clean --cache", "slipway clean --cache --older-than 7d --max-size 20GB"),
		RunE: func(c *cobra.Command, _ []string) error {
			if !cache && olderThan+maxSize != "" {
				return usage.Errorf("--older-than and --max-size go with --cache")
			}
			age, err := workbench.ParseAge(olderThan)
			if err != nil {
				return err
			}
			var size int64
			if maxSize != "" {
				if size, err = progress.ParseBytes(maxSize); err != nil {
					return usage.Errorf("--max-size: %w", err)
				}
			}
			if cache {
				freed, err := workbench.CleanCache(c.Context(), p.settings.Cache, age, size)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.Stdout, "freed %s of the content cache %s\n", progress.FormatBytes(freed), p.settings.Cache)
				return err
			}
			b, err := release.Open(c.Context(), p.settings.Release())
			if err != nil {
				return err
			}
			defer b.Close()
			return p.watched(c, b.Clean)
		},
	}
	p.projectFlags(c)
	c.Flags().BoolVar(&cache, "cache", false, "clear the content cache, which all projects share, instead of dist")
	c.Flags().StringVar(&maxSize, "max-size", "", "with --cache: remove the least recently used content until at most this size is left, such as 10GB")
	c.Flags().StringVar(&olderThan, "older-than", "", "with --cache: remove only content that was not used for this long, such as 12h or 7d")
	mustHaveValue(c, "max-size", "older-than")
	return c
}

func (p *Program) initCommand() *cobra.Command {
	var o scaffold.Options
	c := &cobra.Command{
		Use: "init [DIR]", Short: "Write an initial slipway.yaml for a checkout", Args: cobra.MaximumNArgs(1), GroupID: "project",
		Long: "Write an initial slipway.yaml for a checkout, from its Go code, Dockerfiles, Makefiles, scripts, workflows, git, and the\n" +
			"files of goreleaser, promu, ko and bake. Lines that need a look have a comment \"# unsure: …\", and are printed. No file is\n" +
			"replaced, and nothing but git is run.",
		Example: examples("slipway init", "slipway init ../my-distribution", "slipway init --from goreleaser", "slipway init --module services/api"),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			if isTerminal(p.Stdin) {
				o.Choose = p.chooseModule
			}
			o.Schema = schemaOfVersion(scaffold.SchemaURL, p.Version)
			result, err := scaffold.Init(c.Context(), dir, o)
			if err != nil {
				return err
			}
			for _, note := range result.Notes {
				if _, err := fmt.Fprintln(p.Stdout, note); err != nil {
					return err
				}
			}
			for _, file := range result.Files {
				if _, err := fmt.Fprintln(p.Stdout, "wrote "+file); err != nil {
					return err
				}
			}
			look := "try `slipway plan`"
			if len(result.Notes) > 0 {
				look = "look at the lines above, then try `slipway plan`"
			}
			_, err = fmt.Fprintf(p.Stdout, "wrote %s; %s\n", result.Path, look)
			return err
		},
	}
	c.Flags().StringVar(&o.From, "from", "", "convert the file of this tool, which must exist: "+strings.Join(convert.Tools(), ", "))
	c.Flags().StringVar(&o.Module, "module", "", "folder of the Go module to release, if several have programs")
	return c
}

// chooseModule asks the user which of several modules to release.
func (p *Program) chooseModule(_ context.Context, dirs []string) (string, error) {
	for i, dir := range dirs {
		if _, err := fmt.Fprintf(p.Stderr, "%2d  %s\n", i+1, dir); err != nil {
			return "", err
		}
	}
	if _, err := fmt.Fprintf(p.Stderr, "Which of these Go modules is released (1-%d)? ", len(dirs)); err != nil {
		return "", err
	}
	var n int
	if _, err := fmt.Fscanln(p.Stdin, &n); errors.Is(err, io.EOF) {
		return "", err
	} else if err != nil || n < 1 || n > len(dirs) {
		return "", usage.Errorf("choosing a Go module: want a number from 1 to %d; --module FOLDER answers the question", len(dirs))
	}
	return dirs[n-1], nil
}
