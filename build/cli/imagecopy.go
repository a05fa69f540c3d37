package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/usage"
)

func (p *Program) imageCopyCommand() *cobra.Command {
	var (
		job    workbench.CopyJob
		lists  []string
		asJSON bool
	)
	c := &cobra.Command{
		Use:     "copy (REF… | -f LIST.txt [FROM…]) TO",
		Aliases: []string{"cp"},
		Short:   "Copy images with their digests to another registry",
		Long: `Copy copies images and indexes unchanged: with their digests, all platforms, and the
signatures, attestations and SBOMs that refer to them (OCI referrers, and the tags
sha256-….sig, .att and .sbom of cosign). TO is REGISTRY[/PREFIX]: docker.io/rancher/x:v1 is
copied to TO/rancher/x:v1. A single REF can also be copied to a TO with a tag.

With -f, each FROM is a registry or a namespace in which the images of the list are looked
for, in the given order, in place of their own registries.

All sources are found before anything is sent. Different images with the same target are an
error, and nothing is sent; use --keep-registry if they come from different registries.
Content that the target has is not sent again, so an interrupted copy is completed by
running it again.`,
		Args: cobra.MinimumNArgs(1),
		Example: examples(
			"slipway image copy docker.io/rancher/rke2-runtime:v1.36.2-rke2r1 registry.example.com/mirror",
			"slipway image copy -f rke2-images.txt registry.example.com:5000",
			"slipway image copy --no-clobber -f rke2-images.txt staging.example.com docker.io prime.example.com"),
		RunE: func(c *cobra.Command, words []string) error {
			job.To = words[len(words)-1]
			entries, err := p.readLists(lists)
			if err != nil {
				return usage.Wrap(err)
			}
			if rest := words[:len(words)-1]; len(lists) > 0 {
				job.Images, job.From = packSources(entries, nil), rest
			} else {
				job.Images = packSources(nil, rest)
			}
			var copied []workbench.Copied
			err = p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) (err error) {
				copied, err = w.Copy(ctx, job)
				return err
			})
			if asJSON {
				return errors.Join(err, p.writeJSON(copiedTags(copied)))
			}
			for _, i := range copied {
				state := "copied"
				if i.Present {
					state = "present"
				}
				fmt.Fprintf(p.Stdout, "%s@%s\t%s\t%d attached\n", i.Ref, i.Digest, state, len(i.Attached))
			}
			return err
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&lists, "file", "f", nil, "image list: one reference per line, # starts a comment; - is standard input")
	f.BoolVar(&job.NoClobber, "no-clobber", false, "if a tag exists with another digest, fail before anything is sent")
	f.BoolVar(&job.KeepRegistry, "keep-registry", false,
		"keep the registry in each name: TO/docker.io/rancher/x:v1; localhost:5000 becomes localhost-5000")
	f.BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

// packSources returns the images of lists and arguments.
func packSources(entries []images.ListEntry, refs []string) []workbench.PackSource {
	var out []workbench.PackSource
	for _, e := range entries {
		out = append(out, workbench.PackSource{Ref: e.Ref.String(), Where: fmt.Sprintf("%s:%d", e.File, e.Line)})
	}
	for _, ref := range refs {
		out = append(out, workbench.PackSource{Ref: ref})
	}
	return out
}
