package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"
)

func (p *Program) sliceCommand() *cobra.Command {
	var (
		flags packCommand
		names []string
	)
	c := &cobra.Command{
		Use:   "slice FILE|DIR|URL… (--images NAME… | --list LIST.txt) -o FILE.tar|.tar.zst|.tar.gz",
		Short: "Write an archive of some images of other archives",
		Long: `Slice writes the archive that pack would write of these images, byte for byte, from
archives that have them, without a registry. Compressed layers are copied where an
archive has them in the same group; other groups are compressed again. The digests of
all layers are checked. Images are in the given order; of several archives with the same
image, the first counts. A missing image is an error.

A proof is about all of an archive. A slice has a new one with --proof or --sign-key,
which has the documents of the old one about its images.`,
		Args: cobra.MinimumNArgs(1),
		Example: examples("slipway airgap slice images.tar.zst --list core.txt -o core.tar.zst",
			"slipway airgap slice https://example.com/images.tar.zst --images rancher/mirrored-pause:3.10.2,rancher/mirrored-coredns-coredns:1.14.2 -o two.tar.zst"),
		RunE: func(c *cobra.Command, archives []string) error {
			job, err := flags.parse(p, slices.Clone(names))
			if err != nil {
				return err
			}
			var made []pack.Result
			err = p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) (err error) {
				made, err = w.Slice(ctx, archives, job)
				return err
			})
			if err != nil {
				return err
			}
			return p.writePacked(made)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&names, "images", nil, "images by name and tag, or by digest; several are separated by commas")
	f.StringArrayVar(&flags.lists, "list", nil, "image list: one reference per line, # starts a comment; - is standard input")
	f.StringVar((*string)(&flags.job.Layers), "layers", "", "uncompressed or original (default: as the archives have them)")
	f.BoolVar(&flags.job.Proof, "proof", false, "put a statement of all that the archive contains into it, with the documents about its images that the archives have")
	f.StringVar((*string)(&flags.job.Level), "level", string(images.BestZstd), "zstd level of what is not copied: the one that the archives were packed with")
	mustHaveValue(c, "images", "list")
	flags.addFlags(c)
	return c
}
