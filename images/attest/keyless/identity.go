package keyless

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"

	"github.com/slipway-build/slipway/images/attest/sign"
)

// An Identity says who must have signed: a subject, and the issuer that vouches for it. Each is either exact or a regular
// expression, which need not match all of the text, as for cosign.
type Identity struct {
	// Subject is the subject alternative name of a certificate: an e-mail address, a URI, or a name.
	Subject, SubjectRegexp string
	// Issuer is the address of the service that issued the token.
	Issuer, IssuerRegexp string
}

// String names the identity in messages.
func (i Identity) String() string {
	return fmt.Sprintf("%s (%s)", text(i.Subject, i.SubjectRegexp), text(i.Issuer, i.IssuerRegexp))
}

func text(exact, pattern string) string {
	if pattern != "" {
		return "/" + pattern + "/"
	}
	return exact
}

// A Verifier accepts the signatures of an identity. It is a sign.Verifier.
type Verifier struct {
	root            *Root
	identity        Identity
	subject, issuer func(string) bool
	// proven is who has signed, if Verify returned the Verifier.
	proven *Identity
}

// Verifier returns what accepts the signatures of an identity whose services are in the root.
func (r *Root) Verifier(who Identity) (*Verifier, error) {
	subject, err := matcher("subject", who.Subject, who.SubjectRegexp)
	if err != nil {
		return nil, err
	}
	issuer, err := matcher("issuer", who.Issuer, who.IssuerRegexp)
	if err != nil {
		return nil, err
	}
	return &Verifier{root: r, identity: who, subject: subject, issuer: issuer}, nil
}

func matcher(what, exact, pattern string) (func(string) bool, error) {
	switch {
	case exact == "" && pattern == "":
		return nil, fmt.Errorf("an identity needs %[1]s or %[1]s-regexp", what)
	case exact != "" && pattern != "":
		return nil, fmt.Errorf("an identity has %[1]s and %[1]s-regexp: want one of them", what)
	case exact != "":
		return func(s string) bool { return s == exact }, nil
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("%s-regexp: %w", what, err)
	}
	return compiled.MatchString, nil
}

// Hint returns the identity and the SHA-256 of the trusted root: the same subject in another root is someone else.
func (v *Verifier) Hint() string {
	i := v.identity
	return fmt.Sprintf("%q %x", []string{i.Subject, i.SubjectRegexp, i.Issuer, i.IssuerRegexp}, v.root.digest)
}

// String returns the subject and the issuer that have signed, if Verify returned v, or else those that are wanted.
func (v *Verifier) String() string {
	if v.proven != nil {
		return v.proven.String()
	}
	return v.identity.String()
}

// Accept returns an error unless a certificate is of the identity, of a Fulcio of the root when its validity began, and
// promised by a log of certificates if the root has one. It is for those who sign, before anything is published.
func (v *Verifier) Accept(c *x509.Certificate) error {
	claimed, err := claims(c)
	if err != nil {
		return err
	}
	if err := v.named(claimed); err != nil {
		return err
	}
	chains, err := (&signed{certificate: c}).chains(v.root, c.NotBefore)
	if err != nil {
		return err
	}
	return promised(v.root, chains)
}

// named returns an error unless a claimed identity is the one of v.
func (v *Verifier) named(claimed Identity) error {
	if !v.subject(claimed.Subject) || !v.issuer(claimed.Issuer) {
		return fmt.Errorf("it is signed by %s, not by %s", claimed, v.identity)
	}
	return nil
}

// Verify returns an error unless the signature of b is one of m by the identity.
func (v *Verifier) Verify(ctx context.Context, b *sign.Bundle, m sign.Message) (sign.Verifier, error) {
	s, err := newSigned(b, m)
	if err != nil {
		return nil, err
	}
	claimed, err := s.verify(ctx, v.root)
	if err != nil {
		return nil, fmt.Errorf("signature of %s: %w", claimed, err)
	}
	if err := v.named(claimed); err != nil {
		return nil, err
	}
	proven := *v
	proven.proven = &claimed
	return &proven, nil
}

// errNoCertificate means that a bundle is signed with a key alone.
var errNoCertificate = errors.New("it is signed with a key, not by an identity")
