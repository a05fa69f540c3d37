package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-build/slipway/build/plan"
	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/build/rebuild"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/build/settings"
	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

// verifyFlags are what verify does beside checking dist.
type verifyFlags struct {
	asJSON, rebuild bool
	against         []string
	attest, signKey string
}

func (p *Program) verifyCommand() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use: "verify", Short: "Check all outputs against the plan, their digests and the checksums", Args: cobra.NoArgs,
		Long: `Verify checks every file that the plan names: that it exists, that there are no
other files, that checksums, archives and images are intact and have the right
platforms and Windows versions, and that no file is too large for a GitHub release
(2 GiB). All problems are reported together.

With --rebuild, it also builds the release again: the same commit, in a clean clone, with
another umask, time zone, language, user, number of processors, order of steps and
temporary folders, without the content cache (unless --offline). It compares the digest of
every binary, image, index and file with dist, and says in words what differs. Signatures
are not compared, and no private key is needed. Other builds of Go code come from Go's
build cache.

With --against, it compares with a published release instead: a folder or a URL that has
the files of dist/artifacts, the tag of a release that is published where slipway.yaml says,
the folder dist of another build, or the reference of an image in a registry. With --rebuild --against, the release is built again and compared with the
published one, and dist is not needed.

The exit status is 1 if something differs. --attest writes a SLSA verification summary
of all digests, an in-toto statement, if nothing does; with --sign-key, a Sigstore bundle of
the statement.`,
		Example: examples("slipway verify", "slipway verify --platform linux/amd64", "slipway verify --rebuild --attest rebuilt.json",
			"slipway verify --rebuild --against https://github.com/acme/app/releases/download/v1.0.0",
			"slipway verify --against registry.example.com/acme/app:v1.0.0"),
		RunE: func(c *cobra.Command, _ []string) error { return p.verify(c, f) },
	}
	p.projectFlags(c)
	p.recordFlag(c)
	c.Flags().BoolVar(&f.asJSON, "json", false, "print as JSON")
	c.Flags().BoolVar(&f.rebuild, "rebuild", false, "build the release again, and compare every digest")
	c.Flags().BoolVar(&p.settings.Locked, "locked", p.settings.Locked, "with --rebuild, take the digests of slipway.lock instead of what tags refer to (environment SLIPWAY_LOCKED)")
	c.Flags().StringVar((*string)(&p.settings.Builder), "builder", string(p.settings.Builder), "embedded, docker or buildkit, for all images (environment BUILDER)")
	c.Flags().StringArrayVar(&f.against, "against", nil, "published release to compare with: a folder, a URL of its files, its tag, or a reference of an image")
	c.Flags().StringVar(&f.attest, "attest", "", "file for a SLSA verification summary of what --rebuild found equal")
	c.Flags().StringVar(&f.signKey, "sign-key", "", "private key that signs this summary: a file as cosign makes it, or PKCS #8, or env://NAME; COSIGN_PASSWORD is its password")
	mustHaveValue(c, "against", "attest", "sign-key")
	return c
}

// A verification is the output of verify --json. A release without problems is valid.
type verification struct {
	Project  string          `json:"project"`
	Release  version.Release `json:"release"`
	Problems []string        `json:"problems"`
	// Compared has a comparison for dist, if it was built again, and for each published release.
	Compared []*rebuild.Comparison `json:"compared,omitempty"`
}

func (p *Program) verify(c *cobra.Command, f verifyFlags) error {
	p.job.Command = c.CommandPath()
	if f.signKey != "" && f.attest == "" {
		return usage.Errorf("--sign-key signs a summary: add --attest FILE")
	}
	if f.attest != "" && !f.rebuild {
		return usage.Errorf("--attest: a summary is about a release that was built again: add --rebuild")
	}
	b, err := release.Open(c.Context(), p.settings.Release())
	if err != nil {
		return err
	}
	defer b.Close()
	var (
		compared []*rebuild.Comparison
		checks   = !f.rebuild || len(f.against) == 0
		compares = f.rebuild || len(f.against) > 0
		request  rebuild.Request
	)
	if compares {
		// It reads the key: one that cannot be used ends the run before the work.
		if request, err = p.request(c, b, f); err != nil {
			return err
		}
	}
	err = p.watched(c, func(ctx context.Context) error {
		return b.Recorded(ctx, c.CommandPath(), plan.Selection{Verb: "verify"}, func(ctx context.Context) error {
			if checks {
				if err := b.Verify(ctx); err != nil {
					return err
				}
			}
			if compares {
				var err error
				compared, err = rebuild.Verify(ctx, request)
				return err
			}
			return nil
		})
	})
	var differences []error
	for _, comparison := range compared {
		for _, d := range comparison.Differences {
			differences = append(differences, errors.New(d.String()))
		}
	}
	err = errors.Join(err, errors.Join(differences...))
	if f.asJSON {
		return errors.Join(p.writeJSON(verification{b.Plan.Project, b.Plan.Release, problemsOf(err), compared}), err)
	}
	if err != nil {
		return err
	}
	if checks {
		fmt.Fprintln(p.Stdout, "verified")
	}
	without := ""
	if b.Plan.Sign != nil {
		without = " (signatures were not compared)"
	}
	for _, comparison := range compared {
		fmt.Fprintf(p.Stdout, "%s equal to %s%s\n", counted(len(comparison.Subjects), "artifact"), comparison.With, without)
	}
	return nil
}

// request says what to build again, and what to compare with.
func (p *Program) request(c *cobra.Command, b *release.Release, f verifyFlags) (rebuild.Request, error) {
	program, err := os.Executable()
	if err != nil {
		return rebuild.Request{}, err
	}
	environ := os.Environ()
	for _, name := range settings.Secrets {
		if value := p.getenv(name); value != "" {
			environ = append(environ, name+"="+value)
		}
	}
	var signed func(context.Context, string, []byte) ([]byte, error)
	if f.signKey != "" {
		key, err := proof.KeySource{Key: f.signKey, Getenv: p.Getenv}.Signer()
		if err != nil {
			return rebuild.Request{}, usage.Errorf("--sign-key: %w", err)
		}
		signed = func(ctx context.Context, payloadType string, payload []byte) ([]byte, error) {
			return sign.SignEnvelope(ctx, key, payloadType, payload)
		}
	}
	return rebuild.Request{
		Sign: signed, Archives: signedArchives(b),
		Rebuild: f.rebuild, Against: f.against, Options: p.settings.Release(), Attest: f.attest,
		Project: b.Config.Dir, Config: filepath.Base(b.Config.File), Dist: p.settings.Dist, Release: b.Plan.Release,
		Slipway: []string{program}, Arguments: passedOn(c), Environ: environ, KeepCache: p.settings.Offline, Limit: p.settings.UnpackLimit,
		Open: func(ctx context.Context, ref string) (v1.Image, v1.ImageIndex, string, func() error, error) {
			w, err := workbench.Open(p.settings.Workbench())
			if err != nil {
				return nil, nil, "", nil, err
			}
			found, err := w.Resolve(ctx, ref)
			if err != nil {
				return nil, nil, "", nil, errors.Join(err, w.Close())
			}
			return found.Image, found.Index, cmp.Or(found.Name, ref), w.Close, nil
		},
	}, nil
}

// signedArchives returns the paths of the archives of a signed release, or nil for one that is not signed.
func signedArchives(b *release.Release) (paths []string) {
	if b.Plan.Sign == nil {
		return nil
	}
	for _, step := range b.Plan.Archives {
		paths = append(paths, step.Outputs...)
	}
	return paths
}

// passedOn returns the flags that build and package are to get, too.
func passedOn(c *cobra.Command) (out []string) {
	own := []string{"json", "rebuild", "against", "attest", "sign-key", "config", "project", "out", "cache-dir", "progress", "jobs", "verbose", "record"}
	c.Flags().Visit(func(flag *pflag.Flag) {
		if slices.Contains(own, flag.Name) {
			return
		}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			for _, value := range list.GetSlice() {
				out = append(out, "--"+flag.Name+"="+value)
			}
			return
		}
		out = append(out, "--"+flag.Name+"="+flag.Value.String())
	})
	return out
}

// problemsOf returns the texts of the errors that err joins.
func problemsOf(err error) []string {
	if err == nil {
		return []string{}
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		problems := []string{}
		for _, e := range joined.Unwrap() {
			problems = append(problems, problemsOf(e)...)
		}
		return problems
	}
	return []string{progress.Presentable(err).Error()}
}
