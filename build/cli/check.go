package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/release"
)

func (p *Program) checkCommand() *cobra.Command {
	var online bool
	c := &cobra.Command{
		Use: "check", Short: "Check the configuration, lists and expected names before a build", Args: cobra.NoArgs,
		Long: `Check reads slipway.yaml, image lists and Dockerfiles, and makes the plan of all
platforms. It compares the names of the artifacts with those under expect: in
slipway.yaml, and slipway.lock with the images of lists and Dockerfiles.

With --online it also looks up each of these images in its registry: for each platform
and Windows version, and if it is locked, by its digest. It downloads no layer. A locked
tag that refers to another image by now is a warning. All problems are reported
together.`,
		Example: examples("slipway check", "slipway check --online"),
		RunE: func(c *cobra.Command, _ []string) error {
			p.job.Command = c.CommandPath()
			b, err := release.Open(c.Context(), p.settings.Release())
			if err != nil {
				return err
			}
			defer b.Close()
			if err := p.watched(c, func(ctx context.Context) error { return b.Check(ctx, online) }); err != nil {
				return err
			}
			_, err = fmt.Fprintln(p.Stdout, "checked")
			return err
		},
	}
	p.projectFlags(c)
	c.Flags().BoolVar(&online, "online", false, "also look up all images in their registries")
	return c
}

func (p *Program) lockCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "lock", Short: "Write the digests of the tags that the release uses to slipway.lock", Args: cobra.NoArgs,
		Long: `Lock asks registries what the tags of image lists and of base images refer to, and
writes their digests to slipway.lock, beside slipway.yaml. Commit the file. With --locked
(environment SLIPWAY_LOCKED), build and package take these digests instead of what the
tags refer to then. Files under fetch: have their SHA-256 in slipway.yaml.`,
		Example: examples("slipway lock", "slipway package --locked"),
		RunE: func(c *cobra.Command, _ []string) error {
			p.job.Command = c.CommandPath()
			b, err := release.Open(c.Context(), p.settings.Release())
			if err != nil {
				return err
			}
			defer b.Close()
			n := 0
			if err := p.watched(c, func(ctx context.Context) (err error) {
				n, err = b.Lock(ctx)
				return err
			}); err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.Stdout, "%d tags in slipway.lock\n", n)
			return err
		},
	}
	p.projectFlags(c)
	return c
}
