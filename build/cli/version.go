package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func (p *Program) versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, and the runtime image that this binary expects",
		GroupID: "tools",
		Args:    cobra.NoArgs,
		Example: examples("slipway version", "slipway version --json"),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return p.writeJSON(map[string]string{
					"version": p.Version, "runtimeImage": p.RuntimeImage, "go": runtime.Version(),
					"platform": runtime.GOOS + "/" + runtime.GOARCH,
				})
			}
			fmt.Fprintf(p.Stdout, "slipway %s %s/%s %s\n", p.Version, runtime.GOOS, runtime.GOARCH, runtime.Version())
			if p.RuntimeImage != "" {
				fmt.Fprintf(p.Stdout, "runtime image %s\n", p.RuntimeImage)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}
