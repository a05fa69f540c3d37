package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/build/workbench/sboms"
	"github.com/slipway-build/slipway/internal/usage"
)

func (p *Program) sbomCommand() *cobra.Command {
	var (
		job   sboms.Job
		lists []string
	)
	c := &cobra.Command{
		Use:     "sbom [flags] REF|FILE…",
		Short:   "List the software in an image, a program, a bundle or an archive (SPDX, CycloneDX)",
		GroupID: "tools",
		Long: `Write the SBOM of an image or a file: Go modules of programs, stripped ones too,
packages of dpkg, apk and rpm with their licences and files, and all other files.

REF is an image of a registry, oci:DIR[:NAME], docker-archive:FILE[:NAME] or
docker-daemon:REF. FILE is a program, a tar.gz, zip, deb, rpm, apk or Arch Linux package,
or an archive of images. Of an index, --platform selects an image; the default is Linux
on this machine's architecture.

Of several images or files, or those of a list (-f), each has a file in the folder -o.

The same content gives the same bytes: the time is that of the image, or
SOURCE_DATE_EPOCH. What was found in a layer is kept in the cache.`,
		Args: func(c *cobra.Command, words []string) error {
			if len(lists) > 0 {
				return nil
			}
			return cobra.MinimumNArgs(1)(c, words)
		},
		Example: examples(
			"slipway sbom registry.example.com/app:v1 -o app.spdx.json",
			"slipway sbom --format cyclonedx --platform windows/amd64:10.0.20348.4294 registry.example.com/app:v1",
			"slipway sbom oci:dist/oci:app",
			"slipway sbom dist/artifacts/app-linux-amd64.tar.gz",
			"slipway sbom -f rke2-images.txt -o sboms"),
		RunE: func(c *cobra.Command, words []string) error {
			entries, err := p.readLists(lists)
			if err != nil {
				return usage.Wrap(err)
			}
			job.Sources = packSources(entries, words)
			job.Folder = len(lists) > 0 || len(words) > 1
			if job.Folder && job.Output == "" {
				return usage.Errorf("missing folder for the SBOMs of several images: add -o DIR")
			}
			return p.writeSBOM(c, job)
		},
	}
	sbomFlags(c, &job)
	c.Flags().StringArrayVarP(&lists, "file", "f", nil, "image list, one reference per line (- is standard input)")
	return c
}

func (p *Program) airgapSBOMCommand() *cobra.Command {
	job := sboms.Job{Archive: true}
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
			source := words[0]
			if len(words) > 1 {
				source, job.Archive = "docker-archive:"+words[0]+":"+words[1], false
			}
			job.Sources = packSources(nil, []string{source})
			return p.writeSBOM(c, job)
		},
	}
	sbomFlags(c, &job)
	return c
}

func sbomFlags(c *cobra.Command, job *sboms.Job) {
	c.Flags().StringVar(&job.Format, "format", "spdx", "spdx (SPDX 2.3) or cyclonedx (CycloneDX 1.6), both in JSON")
	c.Flags().StringVarP(&job.Output, "output", "o", "", "file to write, or the folder for several (default: standard output)")
}

func (p *Program) writeSBOM(c *cobra.Command, job sboms.Job) error {
	job.Version, job.Epoch = p.Version, p.settings.SourceDateEpoch
	return p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) error {
		return sboms.Write(ctx, w, job, p.raw)
	})
}
