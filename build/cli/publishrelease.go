package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/release"
)

func (p *Program) publishReleaseCommand() *cobra.Command {
	var asJSON, prerelease, latest bool
	c := &cobra.Command{
		Use: "release", Short: "Publish the draft of a GitHub release, after comparing its assets with dist", Args: cobra.NoArgs,
		Long: `Release publishes the drafts that destinations with github: {draft: true} leave. The tag
must be at this commit, and every file of dist/artifacts must be an asset with the same
size and SHA-256. Nothing is published unless this holds for all destinations.

A release that is published already stays as it is, except for --prerelease and
--latest: with --prerelease=false, for instance, a pre-release becomes a release.`,
		Example: examples("slipway publish release", "slipway publish release --prerelease", "slipway publish release --prerelease=false --latest"),
		RunE: func(c *cobra.Command, _ []string) error {
			p.job.Command = c.CommandPath()
			var rank release.Rank
			if c.Flags().Changed("prerelease") {
				rank.Prerelease = &prerelease
			}
			if c.Flags().Changed("latest") {
				rank.Latest = &latest
			}
			b, err := release.Open(c.Context(), p.settings.Release())
			if err != nil {
				return err
			}
			defer b.Close()
			err = p.watched(c, func(ctx context.Context) error { return b.EndDrafts(ctx, rank) })
			publish := plan.Selection{Verb: "publish"}
			p.job.Result = b.Result(publish)
			switch {
			case err != nil:
				return err
			case asJSON:
				return p.writeJSON(p.job.Result)
			}
			return b.WriteSummary(c.Context(), p.Stdout, publish)
		},
	}
	p.projectFlags(c)
	c.GroupID = ""
	c.Flags().BoolVar(&prerelease, "prerelease", false, "mark the release as a pre-release (default: as slipway.yaml says)")
	c.Flags().BoolVar(&latest, "latest", false, "mark the release as the latest, and not as a pre-release (default: as slipway.yaml says)")
	c.Flags().BoolVar(&p.settings.Snapshot, "snapshot", p.settings.Snapshot, "allow an untagged version, or a checkout with uncommitted changes (environment SNAPSHOT)")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}
