package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/why"
)

func (p *Program) whyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "why [NAME[@PLATFORM]…]", Short: "Explain why a step was made again or was up to date, and what the next run would do",
		Long: `Why compares what a binary, an image, an archive or a bundle depends on now, when it was
last made, and when it was made before. It names the files, settings, lines of
Dockerfiles, base images and tools that differ, with their old and new values. Values of
files and images are digests. It makes nothing.

NAME is that of slipway.yaml, or the path or tag of an output, as in slipway plan; without
one, everything is explained. The runs are recorded in the cache of this machine. Registries
are asked what the tags of base images and lists refer to now.`,
		Example: examples("slipway why", "slipway why acme@linux/amd64", "slipway why core --json"),
		RunE: func(c *cobra.Command, words []string) error {
			targets, err := plan.ParseTargets(words)
			if err != nil {
				return err
			}
			b, err := release.Open(c.Context(), p.settings.Release())
			if err != nil {
				return err
			}
			defer b.Close()
			var answers []why.Answer
			if err := p.watched(c, func(ctx context.Context) (err error) {
				answers, err = b.Why(ctx, targets)
				return err
			}); err != nil {
				return err
			}
			if asJSON {
				return p.writeJSON(answers)
			}
			for _, a := range answers {
				if err := a.WriteText(p.Stdout); err != nil {
					return err
				}
			}
			return nil
		},
	}
	p.projectFlags(c)
	c.Flags().BoolVar(&p.settings.Locked, "locked", p.settings.Locked, "take the digests of slipway.lock instead of what tags refer to (environment SLIPWAY_LOCKED)")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	c.ValidArgsFunction = p.completeTargets("build", "package")
	return c
}
