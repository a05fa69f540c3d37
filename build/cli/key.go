package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/internal/usage"
)

func (p *Program) keyCommand() *cobra.Command {
	c := asGroup(&cobra.Command{Use: "key", Short: "Make keys for signatures", GroupID: "tools"})
	c.AddCommand(p.keyGenerateCommand(), p.keyPublicCommand())
	return c
}

func (p *Program) keyGenerateCommand() *cobra.Command {
	var prefix string
	c := &cobra.Command{
		Use:   "generate",
		Short: "Make a key pair, as cosign makes it",
		Long: `Make an ECDSA P-256 key pair. PREFIX.key is the private key, encrypted with the password
in COSIGN_PASSWORD, and PREFIX.pub the public key, both in cosign's format. Files that
exist are an error.`,
		Args:    cobra.NoArgs,
		Example: examples("slipway key generate", "slipway key generate --output-key-prefix release"),
		RunE: func(*cobra.Command, []string) error {
			password, ok := p.settings.Getenv("COSIGN_PASSWORD")
			if !ok {
				return usage.Errorf("missing password: set the environment variable COSIGN_PASSWORD; it may be empty")
			}
			private, public := prefix+".key", prefix+".pub"
			if err := proof.GenerateKey(private, public, []byte(password)); err != nil {
				return err
			}
			_, err := fmt.Fprintf(p.Stdout, "%s\n%s\n", private, public)
			return err
		},
	}
	c.Flags().StringVar(&prefix, "output-key-prefix", "cosign", "PREFIX of the files")
	return c
}

func (p *Program) keyPublicCommand() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use:     "public --key KEY",
		Short:   "Print the public key of a private key",
		Args:    cobra.NoArgs,
		Example: examples("slipway key public --key cosign.key > cosign.pub"),
		RunE: func(*cobra.Command, []string) error {
			if key == "" {
				return usage.Errorf("missing key: add --key FILE or --key env://NAME")
			}
			public, err := proof.KeySource{Key: key, Getenv: p.settings.Getenv}.Public()
			if err != nil {
				return err
			}
			_, err = p.Stdout.Write(public.PEM())
			return err
		},
	}
	c.Flags().StringVar(&key, "key", "", "private key: a file, or env://NAME")
	return c
}
