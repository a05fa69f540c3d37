package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/internal/usage"
)

func (p *Program) indexCommand() *cobra.Command {
	c := asGroup(&cobra.Command{Use: "index", Short: "Create and inspect multi-platform indexes (manifest lists)", GroupID: "tools"})
	c.AddCommand(p.indexCreateCommand(), p.indexInspectCommand())
	return c
}

func (p *Program) indexCreateCommand() *cobra.Command {
	var (
		tags, annotations []string
		dryRun            bool
	)
	c := &cobra.Command{
		Use:   "create -t REF… SRC…",
		Short: "Create an index from images and indexes, and push it",
		Long: `Create an index from images and indexes, each a registry reference or oci:DIR[:NAME].
Nested indexes are flattened. os.version and os.features are taken from the configs of
the images. Linux images come first, then Windows versions, newest first. Two images that
nodes could not tell apart are an error; anything that is not an image is left out, with a
warning. A single index that needs no change keeps its digest. With annotations the result
is an OCI index, since Docker's manifest list has none. Content that the target lacks is
copied.`,
		Args: cobra.MinimumNArgs(1),
		Example: examples(
			"slipway index create -t registry.example.com/app:v1 registry.example.com/app:v1-linux-amd64 registry.example.com/app:v1-windows-amd64",
			"slipway index create -t oci:out:app:v1 oci:linux oci:windows",
			"slipway index create --dry-run -t registry.example.com/app:v1 oci:out"),
		RunE: func(c *cobra.Command, sources []string) error {
			if len(tags) == 0 {
				return usage.Errorf("missing reference of the index: add -t REF")
			}
			pairs, err := p.keyValues("--annotation", annotations)
			if err != nil {
				return usage.Wrap(err)
			}
			var made workbench.IndexResult
			err = p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) (err error) {
				made, err = w.CreateIndex(ctx, tags, sources, pairs, dryRun)
				return err
			})
			if err != nil {
				return err
			}
			if dryRun {
				_, err = fmt.Fprintln(p.Stdout, strings.TrimSpace(string(made.Manifest)))
				return err
			}
			for _, tag := range tags {
				fmt.Fprintf(p.Stdout, "%s@%s\n", tag, made.Digest)
			}
			return nil
		},
	}
	c.Flags().StringArrayVarP(&tags, "tag", "t", nil, "reference of the index, or oci:DIR:NAME")
	c.Flags().StringArrayVar(&annotations, "annotation", nil, "annotation K=V of the index")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print the index without pushing it")
	return c
}

func (p *Program) indexInspectCommand() *cobra.Command {
	var raw, asJSON bool
	c := &cobra.Command{
		Use:     "inspect REF",
		Short:   "Show the platforms, digests, sizes and problems of an index or image",
		Args:    cobra.ExactArgs(1),
		Example: examples("slipway index inspect registry.example.com/app:v1", "slipway index inspect oci:dist/oci:docker.io/slipway/slipway-runtime:v0.1.0", "slipway index inspect --raw app:v1"),
		RunE: func(c *cobra.Command, args []string) error {
			var found *workbench.Inspection
			err := p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) (err error) {
				found, err = w.Inspect(ctx, args[0])
				return err
			})
			if err != nil {
				return err
			}
			switch {
			case raw:
				_, err = p.raw.Write(found.Raw)
			case asJSON:
				err = p.writeJSON(found)
			default:
				err = found.WriteTable(p.Stdout)
			}
			return err
		},
	}
	c.Flags().BoolVar(&raw, "raw", false, "print the manifest as it is stored")
	c.Flags().BoolVar(&asJSON, "json", false, "print the table as JSON")
	return c
}
