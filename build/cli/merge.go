package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/internal/usage"
)

func (p *Program) mergeCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "merge DIR…", Short: "Join what several jobs have made of a release in dist", Args: cobra.MinimumNArgs(1),
		Long: `Merge copies binaries, images and artifacts from the output folders (dist) of jobs on
other machines, and makes indexes, lists of all images and checksums anew. Afterwards, dist is as if one
machine had made everything: run verify and publish. What dist already has of the same
release is kept, so a job can also merge the others into its own.

The jobs must have built the same version, commit and plan as this checkout. A file or
image with different bytes in two jobs, one that differs from its artifacts.json, and a
file that is not in it are errors. All are reported together.`,
		Example: examples("slipway merge dist-linux dist-windows", "slipway merge --out release jobs/*"),
		RunE: func(c *cobra.Command, dirs []string) error {
			if len(p.settings.Platforms) > 0 {
				return usage.Errorf("--platform (environment PLATFORMS): merge includes everything that the jobs have made")
			}
			p.job.Command = c.CommandPath()
			b, err := release.Open(c.Context(), p.settings.Release())
			if err != nil {
				return err
			}
			defer b.Close()
			merge := plan.Selection{Verb: "merge"}
			err = p.watched(c, func(ctx context.Context) error {
				return b.Recorded(ctx, c.CommandPath(), merge, func(ctx context.Context) error { return b.Merge(ctx, dirs) })
			})
			p.job.Result = b.Result(merge)
			switch {
			case err != nil:
				return err
			case asJSON:
				return p.writeJSON(p.job.Result)
			}
			return b.WriteSummary(c.Context(), p.Stdout, merge)
		},
	}
	p.projectFlags(c)
	p.recordFlag(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}
