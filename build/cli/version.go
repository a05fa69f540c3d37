package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// A program is the output of version --json.
type program struct {
	Version string `json:"version"`
	// RuntimeImage is the runtime image that this binary expects, or empty.
	RuntimeImage string `json:"runtimeImage"`
	// Go is the version of the compiler.
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

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
				return p.writeJSON(program{p.Version, p.RuntimeImage, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH})
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
