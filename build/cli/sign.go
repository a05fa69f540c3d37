package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/build/workbench/signatures"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// signatureSuffix is what the name of a file with a signature adds to that of the file.
const signatureSuffix = ".sigstore.json"

func (p *Program) imageSignCommand() *cobra.Command {
	var (
		job    signatures.SignJob
		signer signerFlags
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "sign (--key KEY | --fulcio-url URL …) REF…",
		Short: "Sign images and indexes in registries",
		Long: `Sign images and indexes by their digests, and attach the signatures in the registry:
as referrers, as cosign 3 does, or under the tags sha256-….sig of older versions. Each
manifest of an index is signed, too, since nodes pull by the digest of their platform.

KEY is a file that "slipway key generate" or cosign has made, a PKCS #8 key, or
env://NAME, an environment variable that contains one. The password of the key is in
COSIGN_PASSWORD.

With --fulcio-url, an identity signs instead of a key. Its token is in SIGSTORE_ID_TOKEN,
or GitHub Actions issues it. The signatures must be of --certificate-identity, by services
of --trusted-root; others are not attached.`,
		Args: cobra.MinimumNArgs(1),
		Example: examples(
			"slipway image sign --key cosign.key registry.example.com/app:v1",
			"slipway image sign --key env://COSIGN_PRIVATE_KEY --attach referrers,tags registry.example.com/app:v1"),
		RunE: func(c *cobra.Command, refs []string) error {
			var err error
			job.Refs = refs
			if job.Key, err = signer.source(p); err != nil {
				return err
			}
			for _, how := range job.Attach {
				if how != "referrers" && how != "tags" {
					return usage.Errorf("--attach %s: want referrers, tags, or both", how)
				}
				if how == "tags" && job.Key.Keyless != nil {
					return usage.Errorf("--attach tags: signatures of identities are attached as referrers only")
				}
			}
			var signed []signatures.SignedImage
			err = p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) (err error) {
				signed, err = signatures.SignImages(ctx, w, job)
				return err
			})
			if err != nil {
				return err
			}
			return p.printSigned(signed, asJSON)
		},
	}
	signer.add(c)
	f := c.Flags()
	f.StringSliceVar(&job.Attach, "attach", []string{"referrers"}, "how to attach the signatures: referrers, tags")
	mustHaveValue(c, "attach")
	f.BoolVarP(&job.Recursive, "recursive", "r", true, "sign the manifests of an index, too")
	f.BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func (p *Program) imageVerifyCommand() *cobra.Command {
	var (
		job    signatures.VerifyJob
		trust  verifierFlags
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "verify (--key KEY | --certificate-identity WHO) REF…",
		Short: "Verify signatures of images and indexes in registries",
		Long: `Verify that images and indexes are signed with one of the keys, or by the identity, and
print who signed what: signatures and attestations in Sigstore bundles, and signatures of
cosign in the older form. No service but the registry is contacted: an identity needs the
trusted root of its services in a file.

Without --recursive, the image or index that the reference names must be signed. With it,
each image in an index must be signed, too.`,
		Args: cobra.MinimumNArgs(1),
		Example: examples(
			"slipway image verify --key cosign.pub registry.example.com/app:v1",
			"slipway image verify --recursive --key cosign.pub registry.example.com/app:v1",
			"slipway image verify --trusted-root trusted_root.json --certificate-identity ci@example.com --certificate-oidc-issuer https://accounts.example.com registry.example.com/app:v1"),
		RunE: func(c *cobra.Command, refs []string) (err error) {
			job.Refs = refs
			if job.Trusted, err = trust.verifiers(p); err != nil {
				return err
			}
			var verified []signatures.SignedImage
			err = p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) (err error) {
				verified, err = signatures.VerifyImages(ctx, w, job)
				return err
			})
			if err != nil {
				return err
			}
			return p.printSigned(verified, asJSON)
		},
	}
	f := c.Flags()
	trust.add(c)
	f.BoolVarP(&job.Recursive, "recursive", "r", false, "the images of an index must be signed, too")
	f.BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

// printSigned prints the signatures of images, one by one.
func (p *Program) printSigned(signed []signatures.SignedImage, asJSON bool) error {
	if asJSON {
		return p.writeJSON(signed)
	}
	for _, image := range signed {
		for _, s := range image.Signatures {
			if _, err := fmt.Fprintf(p.Stdout, "%s@%s\t%s\t%s\n", repositoryOf(image.Image), s.Subject, s.Predicate, signedBy(s.Key)); err != nil {
				return err
			}
		}
	}
	return nil
}

// repositoryOf returns a reference without its tag or digest.
func repositoryOf(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref
}

// signedBy describes who signed: a key, by its hint, or an identity, by its subject and issuer.
func signedBy(who string) string {
	if isIdentity(who) {
		return "identity " + progress.Printable(who)
	}
	return "key " + who
}

// isIdentity reports whether a description is that of an identity: base64, as of keys, has no space.
func isIdentity(who string) bool { return strings.Contains(who, " ") }

func (p *Program) signBlobCommand() *cobra.Command {
	var (
		signer signerFlags
		bundle string
	)
	c := &cobra.Command{
		Use:   "sign-blob (--key KEY | --fulcio-url URL …) FILE…",
		Short: "Sign files",
		Long: `Sign files. The signature of FILE is written to FILE.sigstore.json, a Sigstore bundle that
"slipway verify-blob" and "cosign verify-blob" verify. A signature that is valid stays. KEY
and identities are as for "slipway image sign".`,
		Args:    cobra.MinimumNArgs(1),
		GroupID: "tools",
		Example: examples("slipway sign-blob --key cosign.key app.tar.gz",
			"slipway sign-blob --fulcio-url https://fulcio.example.com --timestamp-server-url https://tsa.example.com/api/v1/timestamp --trusted-root trusted_root.json --certificate-identity ci@example.com --certificate-oidc-issuer https://accounts.example.com app.tar.gz"),
		RunE: func(c *cobra.Command, files []string) error {
			key, err := signer.source(p)
			if err != nil {
				return err
			}
			if bundle != "" && len(files) > 1 {
				return usage.Errorf("--bundle is for one file, found %d: each file gets FILE%s without it", len(files), signatureSuffix)
			}
			return p.watched(c, func(ctx context.Context) error {
				return signatures.SignFiles(ctx, key, files, func(file string) string { return orSuffix(bundle, file) })
			})
		},
	}
	signer.add(c)
	f := c.Flags()
	f.StringVar(&bundle, "bundle", "", "file to write the signature to; default: FILE"+signatureSuffix)
	return c
}

func (p *Program) verifyBlobCommand() *cobra.Command {
	var (
		trust  verifierFlags
		bundle string
	)
	c := &cobra.Command{
		Use:   "verify-blob (--key KEY | --certificate-identity WHO) FILE…",
		Short: "Verify signatures of files",
		Long: `Verify that files are signed with one of the keys, or by the identity. The signature of
FILE is in FILE.sigstore.json, which "slipway package", "slipway sign-blob" or "cosign
sign-blob --bundle" has made. No network is used: an identity needs the trusted root of
its services in a file.`,
		Args:    cobra.MinimumNArgs(1),
		GroupID: "tools",
		Example: examples("slipway verify-blob --key cosign.pub app.tar.gz"),
		RunE: func(c *cobra.Command, files []string) error {
			trusted, err := trust.verifiers(p)
			if err != nil {
				return err
			}
			if bundle != "" && len(files) > 1 {
				return usage.Errorf("--bundle is for one file, found %d: the signature of each is in FILE%s without it", len(files), signatureSuffix)
			}
			return p.watched(c, func(ctx context.Context) error {
				for _, file := range files {
					signer, err := signatures.VerifyFile(ctx, file, orSuffix(bundle, file), trusted)
					if err != nil {
						return err
					}
					fmt.Fprintf(p.Stdout, "%s\t%s\n", file, signedBy(signer.String()))
				}
				return nil
			})
		},
	}
	f := c.Flags()
	trust.add(c)
	f.StringVar(&bundle, "bundle", "", "file with the signature; default: FILE"+signatureSuffix)
	return c
}

// orSuffix returns bundle, or else the name of the file's signature.
func orSuffix(bundle, file string) string {
	if bundle != "" {
		return bundle
	}
	return file + signatureSuffix
}
