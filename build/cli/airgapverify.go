package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/verify"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

func (p *Program) archiveVerifyCommand() *cobra.Command {
	var (
		lists     []string
		checksums string
		trust     trustFlags
		asJSON    bool
	)
	c := &cobra.Command{
		Use:   "verify FILE|DIR|URL…",
		Short: "Read archives completely, and report all problems",
		Long: `Verify checks order, sizes, every digest and diff ID, names, platforms, os.version, the
window of every frame, that Docker's and the OCI view agree, and, with --list, that every
image of a list is present. With --key or --policy, it also checks the proof that the
archive carries, without a network: that one of the keys signed a statement of exactly
this content, and what the policy requires of each image.`,
		Args: cobra.MinimumNArgs(1),
		Example: examples("slipway airgap verify images.tar.zst",
			"slipway airgap verify --list images.txt --checksums sha256sum-amd64.txt images.tar.zst",
			"slipway airgap verify --key cosign.pub images.tar.zst", "slipway airgap verify --policy policy.yaml images.tar.zst"),
		RunE: func(c *cobra.Command, paths []string) error {
			entries, err := p.readLists(lists)
			if err != nil {
				return usage.Wrap(err)
			}
			platform, err := p.onePlatform()
			if err != nil {
				return err
			}
			policy, err := trust.policy()
			if err != nil {
				return err
			}
			files, err := airgap.ListArchives(paths)
			if err != nil {
				return err
			}
			var (
				reports = []*verify.Report{}
				errs    []error
			)
			err = p.watched(c, func(ctx context.Context) error {
				for _, file := range files {
					r, err := verify.Archive(ctx, file, verify.Options{List: entries, Checksums: checksums, Platform: platform, Policy: policy})
					if err != nil {
						errs = append(errs, err)
						continue
					}
					reports = append(reports, r)
				}
				return context.Cause(ctx)
			})
			errs = append(errs, err)
			if asJSON {
				errs = append(errs, p.writeJSON(verifiedArchives(reports)))
			} else {
				for _, r := range reports {
					p.writeReport(r)
				}
			}
			for _, r := range reports {
				if len(r.Problems) > 0 {
					errs = append(errs, fmt.Errorf("%s: %s", r.Path, counted(len(r.Problems), "problem")))
				}
			}
			return errors.Join(errs...)
		},
	}
	c.Flags().StringArrayVar(&lists, "list", nil, "image list; all of its images must be present")
	c.Flags().StringVar(&checksums, "checksums", "", "sha256sum file that lists the archives")
	mustHaveValue(c, "list", "checksums")
	trust.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

// counted returns a number of things in words, such as "1 problem" and "2 problems".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (p *Program) writeReport(r *verify.Report) {
	verdict := "good"
	if len(r.Problems) > 0 {
		verdict = "BAD"
	}
	codec := ""
	if r.Codec != "" { // otherwise the archive cannot be read at all
		codec = string(r.Codec) + ", "
	}
	fmt.Fprintf(p.Stdout, "%s: %s: %s%s, %s, %s\n", r.Path, verdict, codec, progress.FormatBytes(r.Size), counted(r.Images, "image"), counted(r.Layers, "layer"))
	if r.Proof != nil {
		p.writeVerdict(r.Proof)
	}
	for _, problem := range r.Problems {
		fmt.Fprintf(p.Stdout, "  problem: %s\n", progress.Printable(problem))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(p.Stdout, "  note: %s\n", progress.Printable(note))
	}
}
