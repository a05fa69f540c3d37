package cli

import (
	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/policyfile"
	"github.com/slipway-build/slipway/build/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/internal/usage"
)

// addIdentityFlags adds the flags of an identity, as cosign spells them.
func addIdentityFlags(c *cobra.Command, i *policyfile.Identity) {
	f := c.Flags()
	f.StringVar(&i.TrustedRoot, "trusted-root", "", "with --certificate-identity: file with the trusted root of Sigstore's services")
	f.StringVar(&i.Subject, "certificate-identity", "", "subject that must have signed: an e-mail address, or the URI of a workflow")
	f.StringVar(&i.SubjectRegexp, "certificate-identity-regexp", "", "regular expression for the subject; it need not match all of it")
	f.StringVar(&i.Issuer, "certificate-oidc-issuer", "", "address of the service that vouches for the subject")
	f.StringVar(&i.IssuerRegexp, "certificate-oidc-issuer-regexp", "", "regular expression for this address")
	mustHaveValue(c, "trusted-root", "certificate-identity", "certificate-identity-regexp", "certificate-oidc-issuer", "certificate-oidc-issuer-regexp")
}

// verifierFlags say whose signatures of files and images are accepted.
type verifierFlags struct {
	keys     []string
	identity policyfile.Identity
}

func (t *verifierFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&t.keys, "key", nil, "public key: a file, or env://NAME; several mean any of them")
	addIdentityFlags(c, &t.identity)
}

// verifiers reads the public keys and the trusted root.
func (t *verifierFlags) verifiers(p *Program) ([]sign.Verifier, error) {
	trusted, err := t.identity.Verifiers()
	if err != nil {
		return nil, usage.Wrap(err)
	}
	for _, place := range t.keys {
		found, err := proof.KeySource{PublicKey: place, Getenv: p.settings.Getenv}.PublicKeys()
		if err != nil {
			return nil, usage.Wrap(err)
		}
		trusted = append(trusted, sign.Verifiers(found...)...)
	}
	if len(trusted) == 0 {
		return nil, usage.Errorf("missing key: add --key FILE or --key env://NAME, or --certificate-identity")
	}
	return trusted, nil
}
