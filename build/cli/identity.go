package cli

import (
	"cmp"
	"errors"

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

// signerFlags say who signs: a key, or an identity.
type signerFlags struct {
	key      string
	keyless  proof.Keyless
	identity policyfile.Identity
}

func (t *signerFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&t.key, "key", "", "private key: a file, or env://NAME")
	f.StringVar(&t.keyless.Fulcio, "fulcio-url", "", "instead of --key: address of the Fulcio that certifies the identity")
	f.StringVar(&t.keyless.TSA, "timestamp-server-url", "", "with --fulcio-url: address of a timestamp authority, with its path")
	f.StringVar(&t.keyless.Rekor, "rekor-url", "", "with --fulcio-url: address of a Rekor, a public log")
	mustHaveValue(c, "fulcio-url", "timestamp-server-url", "rekor-url")
	addIdentityFlags(c, &t.identity)
}

// source returns where the key is, or the services and the identity.
func (t *signerFlags) source(p *Program) (proof.KeySource, error) {
	from := proof.KeySource{Key: t.key, Getenv: p.settings.Getenv}
	k := &t.keyless
	switch {
	case t.key != "" && (*k != proof.Keyless{} || t.identity != policyfile.Identity{}):
		return from, usage.Errorf("--key and --fulcio-url or --certificate-identity: give one of them")
	case t.key != "":
		return from, nil
	case k.Fulcio == "":
		return from, usage.Errorf("missing key: add --key FILE or --key env://NAME, or --fulcio-url for an identity")
	case k.TSA == "" && k.Rekor == "":
		return from, usage.Errorf("missing --timestamp-server-url or --rekor-url: without either, a signature ends with its certificate, after some minutes")
	}
	// A signature of another identity, or of services that nobody trusts, must not be attached.
	if trusted, err := t.identity.Verifiers(); err != nil || len(trusted) == 0 {
		return from, usage.Wrap(cmp.Or(err, errors.New("missing --trusted-root and --certificate-identity: they say which signature is wanted")))
	}
	k.TrustedRoot, k.Identity = t.identity.TrustedRoot, t.identity.Identity
	from.Keyless = k
	return from, nil
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
