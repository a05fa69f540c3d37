package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/rebuild"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/usage"
)

// planDiff prints what a release would change, compared with an earlier one. A change is an error, for the exit status.
func (p *Program) planDiff(c *cobra.Command, b *release.Release, with string, asJSON bool) error {
	if len(p.settings.Platforms) > 0 || p.settings.SkipWindows {
		return usage.Errorf("--diff compares whole releases: omit --platform and --skip-windows (environment PLATFORMS and SKIP_WINDOWS)")
	}
	var diff *release.PlanDiff
	err := p.watched(c, func(ctx context.Context) error {
		earlier, err := rebuild.OpenEarlier(ctx, with, p.settings.Release())
		if err != nil {
			return fmt.Errorf("--diff: %w", err)
		}
		defer earlier.Close()
		diff, err = b.Diff(ctx, redact.Text(with), earlier)
		return err
	})
	if err != nil {
		return err
	}
	if asJSON {
		err = p.writeJSON(diff)
	} else {
		err = diff.WriteText(p.Stdout)
	}
	if n := len(diff.Changes); err == nil && n > 0 {
		err = fmt.Errorf("%d changes compared with %s", n, diff.With)
	}
	return err
}
