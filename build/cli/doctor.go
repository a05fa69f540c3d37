package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/doctor"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/progress"
)

func (p *Program) doctorCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "doctor", Short: "Look at everything that the release needs, before anything is made", Args: cobra.NoArgs,
		Long: `Doctor looks at what build, package and publish will need: programs and C compilers, free
disk space and memory, secrets, files to fetch, registries, base images, destinations,
engines and shared caches. It makes nothing.

An error would stop the release or make it wrong, a warning may; each says what to do.
The exit status is 1 if there is an error. Sizes are estimated from the artifacts.json of
the previous release (environment SLIPWAY_PREVIOUS).`,
		Example: examples("slipway doctor", "slipway doctor --platform linux/arm64", "SLIPWAY_PREVIOUS=last/artifacts.json slipway doctor --json"),
		RunE: func(c *cobra.Command, _ []string) error {
			p.job.Command = c.CommandPath()
			return p.doctor(c, asJSON)
		},
	}
	p.projectFlags(c)
	c.Flags().BoolVar(&p.settings.SkipWindows, "skip-windows", p.settings.SkipWindows, "skip all Windows platforms (environment SKIP_WINDOWS)")
	c.Flags().StringVar((*string)(&p.settings.Builder), "builder", string(p.settings.Builder), "embedded, docker or buildkit, for all images (environment BUILDER)")
	c.Flags().BoolVar(&p.settings.Locked, "locked", p.settings.Locked, "take the digests of slipway.lock instead of what tags refer to (environment SLIPWAY_LOCKED)")
	c.Flags().BoolVar(&p.settings.Force, "force", p.settings.Force, "expect that publish may replace existing content of a tag or release (environment FORCE)")
	c.Flags().BoolVar(&p.settings.Snapshot, "snapshot", p.settings.Snapshot, "expect that publish may send an untagged version, or a checkout with uncommitted changes (environment SNAPSHOT)")
	p.cacheFlags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

// doctor prints the result of an examination. Warnings and errors are also those of the command, so that CI services
// show them beside the lines of slipway.yaml.
func (p *Program) doctor(c *cobra.Command, asJSON bool) error {
	previous, err := p.settings.CI.ReadPrevious()
	if err != nil {
		return err
	}
	b, err := release.Open(c.Context(), p.settings.Release())
	if err != nil {
		return err
	}
	defer b.Close()
	var result *doctor.Result
	err = p.watched(c, func(ctx context.Context) (err error) {
		result, err = doctor.Examine(ctx, b, doctor.Options{Options: p.settings.Release(), Previous: previous, Memory: p.settings.Peak()})
		if err != nil {
			return err
		}
		for _, f := range result.Of(doctor.Warning) {
			progress.Warn(ctx, f.String())
		}
		return nil
	})
	if err != nil {
		return err
	}
	if asJSON {
		err = p.writeJSON(result)
	} else {
		err = result.WriteText(p.Stdout)
	}
	errs := []error{err}
	for _, f := range result.Of(doctor.Error) {
		errs = append(errs, errors.New(f.String()))
	}
	return errors.Join(errs...)
}
