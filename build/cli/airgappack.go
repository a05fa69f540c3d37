package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/policyfile"
	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/pack"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// packCommand has the flags of airgap pack.
type packCommand struct {
	job    workbench.PackJob
	lists  []string
	split  string
	dryRun bool
	// signKey and policy are the flags --sign-key and --policy.
	signKey, policy string
	trust           []string
}

func (p *Program) airgapPackCommand() *cobra.Command {
	var pack packCommand
	c := &cobra.Command{
		Use:   "pack (-f LIST.txt | REF…) -o FILE.tar|.tar.zst|.tar.gz [-o …]",
		Short: "Write archives of images from registries and OCI layouts",
		Long: `Pack fetches images, each blob once, and writes one archive for each -o. REF is a
registry reference, oci:DIR[:NAME], docker-daemon:REF (an image of Docker Engine) or
docker-archive:FILE[:REF] (an archive of docker save, skopeo, Slipway and others). If a
layout or archive has one image without a full name, NAME or REF names it; of several
images, a digest selects one: oci:DIR:NAME@sha256:…. Archives start with their metadata
and contain the images in the given order. Missing images are reported before anything
is written.`,
		Example: examples(
			"slipway airgap pack -f images.txt --platform linux/amd64 -o images.tar.zst -o images.tar.gz",
			"slipway airgap pack --platform windows/amd64:10.0.20348.4294 -o pause.tar.zst rancher/mirrored-pause:3.10.2",
			"slipway airgap pack -o local.tar.zst docker-daemon:team/app:dev docker-archive:other.tar:team/other:v1",
			"slipway airgap pack --layers original -o signed.tar registry.example.com/app@sha256:…",
			"slipway airgap pack -f images.txt --policy policy.yaml --sign-key cosign.key -o images.tar.zst"),
		RunE: func(c *cobra.Command, refs []string) error {
			job, err := pack.parse(p, refs)
			if err != nil {
				return err
			}
			if pack.dryRun {
				return p.preflightPack(c, job)
			}
			return p.pack(c, job)
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&pack.lists, "file", "f", nil, "image list: one reference per line, # starts a comment; - is standard input")
	f.StringVar((*string)(&pack.job.Layers), "layers", string(images.UncompressedLayers), "uncompressed, or original to keep the registry's digests, including those of indexes")
	f.BoolVar(&pack.job.Proof, "proof", false, "put a statement of all that the archive contains into it, with the manifests of the registry, and the signatures and other referrers that it has")
	f.StringVar(&pack.job.SBOM, "sbom", "", "put an SBOM of each image into archives: spdx or cyclonedx; implies --proof")
	f.BoolVar(&pack.dryRun, "dry-run", false, "look up all images, print what would be fetched and how much disk space it takes, and write nothing")
	f.StringVar((*string)(&pack.job.Level), "level", string(images.BestZstd), "zstd level: fastest, default, better, best or max")
	pack.addFlags(c)
	p.cacheFlags(c)
	mustHaveValue(c, "sbom")
	return c
}

// addFlags adds the flags that pack and slice have in common.
func (pack *packCommand) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVarP(&pack.job.Outputs, "output", "o", nil, "archive to write: .tar, .tar.zst or .tar.gz")
	f.StringVar(&pack.split, "split", "", "split the archive into parts of at most this size, such as 1900MB, called FILE.part001 and so on; cat joins them, and all airgap commands read them directly")
	f.StringVar(&pack.signKey, "sign-key", "", "private key that signs this statement: a file as cosign makes it, or PKCS #8, or env://NAME; COSIGN_PASSWORD is its password; implies --proof")
	f.StringVar(&pack.policy, "policy", "", "policy in YAML: refuse images that it does not allow (docs/verifying.md); implies --proof")
	f.StringArrayVar(&pack.trust, "trust", nil, "public key or Sigstore trusted root to carry along, for operators to compare with their own; implies --proof")
	mustHaveValue(c, "sign-key", "policy", "split", "trust")
}

// parse returns the job for the flags and arguments.
func (pack *packCommand) parse(p *Program, refs []string) (workbench.PackJob, error) {
	job := pack.job
	entries, err := p.readLists(pack.lists)
	if pack.split != "" {
		var sizeErr error
		if job.Split, sizeErr = progress.ParseBytes(pack.split); sizeErr != nil {
			err = errors.Join(err, fmt.Errorf("--split: %w", sizeErr))
		}
	}
	job.Images = packSources(entries, refs)
	return job, usage.Wrap(errors.Join(err, pack.parseProof(p, &job)))
}

// parseProof reads the key, the policy and what is carried along.
func (pack *packCommand) parseProof(p *Program, job *workbench.PackJob) error {
	var errs []error
	if pack.policy != "" {
		var err error
		job.Policy, err = policyfile.Choose(pack.policy, nil, policyfile.Identity{})
		errs = append(errs, err)
	}
	if pack.signKey != "" {
		var err error
		if job.Sign, err = (proof.KeySource{Key: pack.signKey, Getenv: p.Getenv}).Signer(); err != nil {
			errs = append(errs, fmt.Errorf("--sign-key: %w", err))
		}
	}
	for _, file := range pack.trust {
		trust, err := policyfile.ReadTrust(file)
		job.Trust, errs = append(job.Trust, trust), append(errs, err)
	}
	job.Version, job.Proof = p.Version, job.Proof || len(job.Trust) > 0 || pack.policy != "" || pack.signKey != "" || job.SBOM != ""
	return errors.Join(errs...)
}

// preflightPack prints the cost of packing.
func (p *Program) preflightPack(c *cobra.Command, job workbench.PackJob) error {
	var found *workbench.Preflight
	err := p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) (err error) {
		found, err = w.PreflightPack(ctx, job)
		return err
	})
	if err != nil {
		return err
	}
	return found.Write(p.Stdout)
}

// pack writes archives, and prints their sizes.
func (p *Program) pack(c *cobra.Command, job workbench.PackJob) error {
	var made []pack.Result
	err := p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) (err error) {
		made, err = w.Pack(ctx, job)
		return err
	})
	if err != nil {
		return err
	}
	return p.writePacked(made)
}

// writePacked prints the sizes of archives.
func (p *Program) writePacked(made []pack.Result) error {
	t := progress.NewTable("ARCHIVE", "IMAGES", "LAYERS", "SIZE").AlignRight("IMAGES", "LAYERS", "SIZE")
	for _, r := range made {
		t.Add(r.Path, fmt.Sprint(r.Images), fmt.Sprint(r.Layers), progress.FormatBytes(r.Size))
	}
	return t.Write(p.Stdout)
}

// readLists reads image lists; - is standard input.
func (p *Program) readLists(files []string) ([]images.ListEntry, error) {
	var (
		all  []images.ListEntry
		errs []error
	)
	for _, file := range files {
		var r io.Reader = p.Stdin
		if file != "-" {
			f, err := regular.Open(file)
			if err != nil {
				errs = append(errs, fmt.Errorf("image list: %w", err))
				continue
			}
			defer f.Close()
			r = f
		}
		entries, err := images.ReadList(r, file)
		all, errs = append(all, entries...), append(errs, err)
	}
	return all, errors.Join(errs...)
}
