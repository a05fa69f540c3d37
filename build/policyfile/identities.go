package policyfile

import (
	"bytes"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/images/attest/keyless"
	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/proof"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
)

// identity is one in a policy, with its line.
type identity struct {
	Subject       string `yaml:"subject"`
	SubjectRegexp string `yaml:"subject-regexp"`
	Issuer        string `yaml:"issuer"`
	IssuerRegexp  string `yaml:"issuer-regexp"`
	TrustedRoot   string `yaml:"trusted-root"`
	line          int
}

func (i *identity) UnmarshalYAML(n *yaml.Node) error {
	type plain identity
	if err := n.Decode((*plain)(i)); err != nil {
		return err
	}
	// Decode of a node does not refuse unknown keys.
	for at := 0; n.Kind == yaml.MappingNode && at < len(n.Content); at += 2 {
		switch key := n.Content[at]; key.Value {
		case "subject", "subject-regexp", "issuer", "issuer-regexp", "trusted-root":
		default:
			return fmt.Errorf("line %d: field %s not found in an identity", key.Line, key.Value)
		}
	}
	i.line = n.Line
	return nil
}

// identities adds the identities of a policy to the signers.
func (r *reader) identities(f file) {
	roots := map[string]*keyless.Root{}
	root := func(line int, file string) *keyless.Root {
		if _, read := roots[file]; !read {
			var err error
			roots[file], err = keyless.ReadRoot(r.beside(file))
			r.say(line, err)
		}
		return roots[file]
	}
	if f.TrustedRoot.value != "" {
		root(f.TrustedRoot.line, f.TrustedRoot.value)
	}
	for name, i := range f.Identities {
		if _, taken := r.signers[name]; taken {
			r.say(i.line, fmt.Errorf("duplicate name %q: a key has it", name))
		}
		r.signers[name] = policy.Signer{Name: name}
		place := i.TrustedRoot
		if place == "" {
			place = f.TrustedRoot.value
		}
		if place == "" {
			r.say(i.line, errors.New("missing trusted-root, the file with the certificates of Fulcio and of the services that state times"))
			continue
		}
		if trusted := root(i.line, place); trusted != nil {
			v, err := trusted.Verifier(keyless.Identity{Subject: i.Subject, SubjectRegexp: i.SubjectRegexp, Issuer: i.Issuer, IssuerRegexp: i.IssuerRegexp})
			r.say(i.line, err)
			r.signers[name] = policy.Signer{Name: name, Keys: []sign.Verifier{v}}
		}
	}
}

// An Identity is one of flags, spelled as cosign spells them.
type Identity struct {
	TrustedRoot string
	keyless.Identity
}

// Verifiers returns what accepts the signatures of the identity, or nothing if no flag was given.
func (i Identity) Verifiers() ([]sign.Verifier, error) {
	if i == (Identity{}) {
		return nil, nil
	}
	switch {
	case i.TrustedRoot == "":
		return nil, errors.New("missing --trusted-root FILE: --certificate-identity and --certificate-oidc-issuer need one; nothing is downloaded")
	case i.Subject == "" && i.SubjectRegexp == "":
		return nil, errors.New("missing --certificate-identity or --certificate-identity-regexp: a trusted root alone trusts everyone")
	case i.Issuer == "" && i.IssuerRegexp == "":
		return nil, errors.New("missing --certificate-oidc-issuer or --certificate-oidc-issuer-regexp")
	case i.Subject != "" && i.SubjectRegexp != "" || i.Issuer != "" && i.IssuerRegexp != "":
		return nil, errors.New("--certificate-identity or --certificate-oidc-issuer and the same with -regexp: give one of them")
	}
	root, err := keyless.ReadRoot(i.TrustedRoot)
	if err != nil {
		return nil, err
	}
	v, err := root.Verifier(i.Identity)
	if err != nil {
		return nil, err
	}
	return []sign.Verifier{v}, nil
}

// signers returns the identity as a signer of a policy.
func (i Identity) signers() ([]policy.Signer, error) {
	verifiers, err := i.Verifiers()
	if err != nil || len(verifiers) == 0 {
		return nil, err
	}
	return []policy.Signer{{Name: verifiers[0].String(), Keys: verifiers}}, nil
}

// ReadTrust reads a file with public keys or a trusted root, as archives carry it.
func ReadTrust(file string) (proof.Attachment, error) {
	raw, err := regular.ReadFile(file)
	if err != nil {
		return proof.Attachment{}, fmt.Errorf("reading %s: %w", file, fileop.WithoutPath(err))
	}
	a := proof.Attachment{Kind: proof.Trust, MediaType: keyless.MediaType, Content: raw}
	if bytes.Contains(raw, []byte("-----BEGIN")) {
		a.MediaType = "application/x-pem-file"
		_, err = sign.ParsePublicKeys(raw)
	} else {
		_, err = keyless.ParseRoot(raw)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return a, err
}
