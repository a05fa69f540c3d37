package proof

import (
	"context"
	"fmt"

	"github.com/slipway-build/slipway/images/attest/keyless"
	"github.com/slipway-build/slipway/images/attest/keyless/certify"
	"github.com/slipway-build/slipway/images/attest/sign"
)

// A Keyless has the services and the identity of signatures without a key.
type Keyless struct {
	// Fulcio, TSA and Rekor are addresses; see certify.Options.
	Fulcio, TSA, Rekor string
	// Token is the environment variable with the identity token. Default: SIGSTORE_ID_TOKEN, or what GitHub issues.
	Token string
	// TrustedRoot is the file with the trusted root that knows these services, and Identity is who must have signed.
	TrustedRoot string
	Identity    keyless.Identity
}

// Variables of identity tokens: the one that cosign reads, and those by which GitHub Actions issues one
// (https://docs.github.com/actions/security-for-github-actions/security-hardening-your-deployments/about-security-hardening-with-openid-connect).
const (
	tokenVariable        = "SIGSTORE_ID_TOKEN"
	requestURLVariable   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	requestTokenVariable = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

func (k *Keyless) signer(getenv func(string) (string, bool)) (sign.Signer, error) {
	v, err := k.verifier()
	if err != nil {
		return nil, err
	}
	return certify.NewSigner(certify.Options{Fulcio: k.Fulcio, TSA: k.TSA, Rekor: k.Rekor, Accept: v.Accept, Token: func(ctx context.Context) (string, error) {
		return k.token(ctx, getenv)
	}})
}

func (k *Keyless) verifier() (*keyless.Verifier, error) {
	root, err := keyless.ReadRoot(k.TrustedRoot)
	if err != nil {
		return nil, err
	}
	return root.Verifier(k.Identity)
}

// token returns an identity token: the one in the environment, or else a new one of GitHub.
func (k *Keyless) token(ctx context.Context, getenv func(string) (string, bool)) (string, error) {
	if k.Token != "" {
		if token, _ := getenv(k.Token); token != "" {
			return token, nil
		}
		return "", fmt.Errorf("missing identity token: set the environment variable %s, as identity-token says", k.Token)
	}
	if token, _ := getenv(tokenVariable); token != "" {
		return token, nil
	}
	address, _ := getenv(requestURLVariable)
	bearer, _ := getenv(requestTokenVariable)
	if address == "" || bearer == "" {
		return "", fmt.Errorf("missing identity token: set the environment variable %s; a job of GitHub needs the permission id-token: write instead", tokenVariable)
	}
	return certify.GitHubToken(ctx, address, bearer)
}

// Trusted returns who must have signed what a signing signs. It reads the private key only if there is nothing else to
// read.
func (s KeySource) Trusted() ([]sign.Verifier, error) {
	if s.Keyless != nil {
		v, err := s.Keyless.verifier()
		if err != nil {
			return nil, err
		}
		return []sign.Verifier{v}, nil
	}
	key, err := s.Public()
	return sign.Verifiers(key), err
}
