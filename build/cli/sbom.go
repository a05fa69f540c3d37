package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/workbench"
)

func (p *Program) sbomCommand() *cobra.Command {
	var job workbench.SBOMJob
	c := &cobra.Command{
		Use:     "sbom [flags] REF|FILE",
		Short:   "List the software in an image, a program, a bundle or an archive (SPDX, CycloneDX)",
		GroupID: "tools",
		Long: `Write the SBOM of an image or a file: Go modules of programs, stripped ones too,
packages of dpkg, apk and rpm with their licences and files, and all other files.

REF is an image of a registry, oci:DIR[:NAME], docker-archive:FILE[:NAME] or
docker-daemon:REF. FILE is a program, a tar.gz, zip, deb, rpm, apk or Arch Linux package,
or an archive of images. Of an index, --platform selects an image; the default is Linux
on this machine's architecture.

The same content gives the same bytes: the time is that of the image, or
SOURCE_DATE_EPOCH. What was found in a layer is kept in the cache.`,
		Args: cobra.ExactArgs(1),
		Example: examples(
			"slipway sbom registry.example.com/app:v1 -o app.spdx.json",
			"slipway sbom --format cyclonedx --platform windows/amd64:10.0.20348.4294 registry.example.com/app:v1",
			"slipway sbom oci:dist/oci:app",
			"slipway sbom dist/artifacts/app-linux-amd64.tar.gz"),
		RunE: func(c *cobra.Command, words []string) error {
			job.Source = words[0]
			return p.writeSBOM(c, job)
		},
	}
	sbomFlags(c, &job)
	return c
}

func (p *Program) airgapSBOMCommand() *cobra.Command {
	job := workbench.SBOMJob{Archive: true}
	c := &cobra.Command{
		Use:   "sbom [flags] ARCHIVE [IMAGE]",
		Short: "List the software in an archive, or in one image of it (SPDX, CycloneDX)",
		Long: `Write the SBOM of an archive, made from its content. Each image is listed with the
packages in it. With IMAGE, a name or a digest, it is the SBOM of that image, which lists
files as well.`,
		Args: cobra.RangeArgs(1, 2),
		Example: examples(
			"slipway airgap sbom images.tar.zst -o images.spdx.json",
			"slipway airgap sbom --format cyclonedx images.tar.zst rancher/mirrored-pause:3.10.2"),
		RunE: func(c *cobra.Command, words []string) error {
			job.Source = words[0]
			if len(words) > 1 {
				job.Source, job.Archive = "docker-archive:"+words[0]+":"+words[1], false
			}
			return p.writeSBOM(c, job)
		},
	}
	sbomFlags(c, &job)
	return c
}

func sbomFlags(c *cobra.Command, job *workbench.SBOMJob) {
	c.Flags().StringVar(&job.Format, "format", "spdx", "spdx (SPDX 2.3) or cyclonedx (CycloneDX 1.6), both in JSON")
	c.Flags().StringVarP(&job.Output, "output", "o", "", "file to write (default: standard output)")
}

func (p *Program) writeSBOM(c *cobra.Command, job workbench.SBOMJob) error {
	job.Version = p.Version
	return p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) error {
		return w.SBOM(ctx, job, p.raw)
	})
}
