package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/internal/usage"
)

func (p *Program) loginCommand() *cobra.Command {
	var user string
	c := &cobra.Command{
		Use:   "login REGISTRY -u USER < PASSWORD",
		Short: "Check credentials with a registry, and store them",
		Long: `Login reads a password or a token from standard input, checks it with the registry,
and stores it as docker login does: in the file that REGISTRY_AUTH_FILE names, else in
Docker's config.json, or with the credential helper that the file specifies.`,
		Args:    cobra.ExactArgs(1),
		GroupID: "tools",
		Example: examples(
			"slipway login registry.example.com -u me < password.txt",
			"echo \"$TOKEN\" | slipway login ghcr.io -u me"),
		RunE: func(c *cobra.Command, args []string) error {
			if user == "" {
				return usage.Errorf("missing user name: add -u USER")
			}
			if isTerminal(p.Stdin) {
				return usage.Errorf("standard input is a terminal: pipe the password in, or redirect it with < FILE")
			}
			w, err := workbench.Open(p.settings.Workbench())
			if err != nil {
				return err
			}
			defer w.Close()
			where, err := w.Login(c.Context(), args[0], user, p.Stdin)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.Stdout, "logged in to %s as %s; stored in %s\n", args[0], user, where)
			return err
		},
	}
	c.Flags().StringVarP(&user, "username", "u", "", "user name at the registry")
	return c
}

func (p *Program) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "logout REGISTRY",
		Short:   "Remove the credentials of a registry",
		Args:    cobra.ExactArgs(1),
		GroupID: "tools",
		Example: examples("slipway logout registry.example.com"),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := workbench.Open(p.settings.Workbench())
			if err != nil {
				return err
			}
			defer w.Close()
			where, err := w.Logout(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.Stdout, "removed the credentials of %s from %s\n", args[0], where)
			return err
		},
	}
}

// isTerminal reports whether r is a terminal, or another device whose content does not end.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
