package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images/lint"
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
	var (
		raw, asJSON bool
		failOn      string
	)
	c := &cobra.Command{
		Use:   "inspect REF",
		Short: "Show the platforms, digests, sizes and problems of an index or image",
		Long: `Inspect shows the images of an index, and judges the index: duplicate platforms, missing
or contradicting os.versions, missing and unknown entries, nested indexes, mixed media
types, orders in which containerd takes the wrong image, attestations without their image.
Each finding says why it matters and what to do; docs/indexes.md lists all of them. REF is
a reference of a registry, oci:DIR[:NAME] or docker-archive:FILE[:NAME].

The exit status is 1 if there is a finding of the severity error. --fail-on warning or note
does so for lesser ones, too, and --fail-on none for none. With --raw, findings do not count.`,
		Args: cobra.ExactArgs(1),
		Example: examples("slipway index inspect registry.example.com/app:v1", "slipway index inspect oci:dist/oci:docker.io/slipway/slipway-runtime:v0.1.0", "slipway index inspect --raw app:v1",
			"slipway index inspect --json --fail-on warning registry.example.com/app:v1"),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(failOns(), failOn) {
				return usage.Errorf("--fail-on %q: want %s", failOn, strings.Join(failOns(), ", "))
			}
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
				return err
			case asJSON:
				err = p.writeJSON(found)
			default:
				err = found.WriteTable(p.Stdout)
			}
			return errors.Join(err, failure(found, lint.Severity(failOn)))
		},
	}
	c.Flags().BoolVar(&raw, "raw", false, "print the manifest as it is stored")
	c.Flags().BoolVar(&asJSON, "json", false, "print table and findings as JSON")
	c.Flags().StringVar(&failOn, "fail-on", string(lint.Error), "least severity of findings that fail: "+strings.Join(failOns(), ", "))
	return c
}

// failOns are the values of --fail-on. No finding is as bad as the last.
func failOns() []string {
	words := []string{}
	for _, s := range lint.Severities() {
		words = append(words, string(s))
	}
	return append(words, "none")
}

// failure returns an error if there are findings of a severity, or worse ones.
func failure(inspected *workbench.Inspection, least lint.Severity) error {
	number := map[lint.Severity]int{}
	failed := false
	for _, f := range inspected.Findings {
		number[f.Severity]++
		failed = failed || f.Severity.AtLeast(least)
	}
	if !failed {
		return nil
	}
	var counts []string
	for _, s := range lint.Severities() {
		if number[s] > 0 {
			counts = append(counts, counted(number[s], string(s)))
		}
	}
	return fmt.Errorf("index %s: %s", inspected.Digest, strings.Join(counts, ", "))
}
