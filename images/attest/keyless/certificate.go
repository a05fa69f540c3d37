package keyless

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"

	"github.com/slipway-build/slipway/images/attest/sign"
)

// Object identifiers of Fulcio's certificates (https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md).
var (
	oldIssuer = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 1} // plain text
	newIssuer = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8} // a DER UTF8String
	otherName = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 7}
	names     = asn1.ObjectIdentifier{2, 5, 29, 17} // subject alternative names
)

// maxStatements is how many timestamps, and how many log entries, a bundle may have. Each has to be verified.
const maxStatements = 32

// Limits of certificates: their size in bytes, and the size in bits of their RSA keys, which take hours to verify with
// if they are large.
const (
	maxCertificate = 16 << 10
	maxRSA         = 8192
)

// A signed is a signature with its certificate, and what services state about it.
type signed struct {
	bundle        *sign.Bundle
	content       *bundlepb.Bundle
	message       sign.Message
	certificate   *x509.Certificate
	intermediates []*x509.Certificate
}

func newSigned(b *sign.Bundle, m sign.Message) (*signed, error) {
	s := &signed{bundle: b, content: b.Content(), message: m}
	material := s.content.GetVerificationMaterial()
	chain := material.GetX509CertificateChain().GetCertificates()
	if c := material.GetCertificate(); c != nil {
		chain = append(chain[:0:0], c)
	}
	switch {
	case len(chain) == 0:
		return nil, errNoCertificate
	case len(chain) > maxStatements, len(material.GetTlogEntries()) > maxStatements,
		len(material.GetTimestampVerificationData().GetRfc3161Timestamps()) > maxStatements:
		return nil, fmt.Errorf("the bundle has more than %d certificates, log entries or timestamps", maxStatements)
	}
	for i, c := range chain {
		if n := len(c.GetRawBytes()); n > maxCertificate {
			return nil, fmt.Errorf("invalid certificate: it has %d bytes, more than %d", n, maxCertificate)
		}
		parsed, err := x509.ParseCertificate(c.GetRawBytes())
		if err == nil {
			err = checkKey(parsed)
		}
		if err != nil {
			return nil, fmt.Errorf("invalid certificate: %w", err)
		}
		if i == 0 {
			s.certificate = parsed
		} else {
			s.intermediates = append(s.intermediates, parsed)
		}
	}
	return s, nil
}

// checkKey returns an error if it would take long to verify with the key of a certificate.
func checkKey(c *x509.Certificate) error {
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSA {
		return fmt.Errorf("an RSA key of %d bits, more than %d", key.N.BitLen(), maxRSA)
	}
	return nil
}

// verify checks the signature and everything that makes its certificate trusted. It returns the identity that the
// certificate claims, which is proven if there is no error.
func (s *signed) verify(ctx context.Context, root *Root) (Identity, error) {
	who, err := claims(s.certificate)
	if err != nil {
		return who, err
	}
	logged, err := s.logged(root)
	if err != nil {
		return who, err
	}
	stamped, why := s.stamped(root)
	times := append(logged, stamped...)
	switch {
	case len(times) > 0:
	case why != nil:
		return who, why
	default:
		return who, errors.New("nothing that the trusted root knows states when it was made")
	}
	for _, at := range times {
		chains, err := s.chains(root, at)
		if err != nil {
			return who, err
		}
		if err := promised(root, chains); err != nil {
			return who, err
		}
	}
	key, err := sign.NewPublicKey(s.certificate.PublicKey)
	if err != nil {
		return who, fmt.Errorf("its certificate: %w", err)
	}
	_, err = key.Verify(ctx, s.bundle, s.message)
	return who, err
}

// chains returns the ways from the certificate to a root that were valid at a time.
func (s *signed) chains(root *Root, at time.Time) ([][]*x509.Certificate, error) {
	leaf := *s.certificate
	// Go does not know the names that only Fulcio has; claims has read them.
	leaf.UnhandledCriticalExtensions = nil
	for _, id := range s.certificate.UnhandledCriticalExtensions {
		if !id.Equal(names) {
			leaf.UnhandledCriticalExtensions = append(leaf.UnhandledCriticalExtensions, id)
		}
	}
	var last error
	for _, f := range root.fulcios {
		if !f.has(at) {
			continue
		}
		o := x509.VerifyOptions{Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: at,
			KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}
		o.Roots.AddCert(f.root)
		for _, c := range append(f.intermediates[:len(f.intermediates):len(f.intermediates)], s.intermediates...) {
			o.Intermediates.AddCert(c)
		}
		chains, err := leaf.Verify(o)
		if err == nil {
			return chains, nil
		}
		last = err
	}
	if last == nil {
		last = errors.New("the trusted root has no certificate authority of that time")
	}
	return nil, fmt.Errorf("its certificate was not valid on %s, when it was made: %w", at.UTC().Format(time.RFC3339), last)
}

// claims returns the identity in a certificate of Fulcio.
func claims(c *x509.Certificate) (Identity, error) {
	var who Identity
	if c.IsCA || !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageCodeSigning) {
		return who, errors.New("invalid certificate: it is not one for signing code, as those of Fulcio are")
	}
	all := slices.Concat(c.EmailAddresses, c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	for _, u := range c.URIs {
		all = append(all, u.String())
	}
	for _, e := range c.Extensions {
		switch {
		case e.Id.Equal(newIssuer):
			var text string
			if rest, err := asn1.UnmarshalWithParams(e.Value, &text, "utf8"); err != nil || len(rest) > 0 {
				return who, errors.New("invalid certificate: its issuer is not text")
			}
			who.Issuer = text
		case e.Id.Equal(oldIssuer) && who.Issuer == "":
			who.Issuer = string(e.Value)
		case e.Id.Equal(names):
			others, err := otherNames(e.Value)
			if err != nil {
				return who, fmt.Errorf("invalid certificate: its names: %w", err)
			}
			all = append(all, others...)
		}
	}
	if who.Issuer == "" {
		return who, errors.New("invalid certificate: it does not say who vouches for its subject, as those of Fulcio do")
	}
	if len(all) != 1 || all[0] == "" {
		return who, fmt.Errorf("invalid certificate: it has %d subjects, want 1", len(all))
	}
	who.Subject = all[0]
	return who, nil
}

// otherNames returns the names of a kind that only Fulcio has.
func otherNames(der []byte) ([]string, error) {
	var general []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &general); err != nil || len(rest) > 0 {
		return nil, errors.New("not a sequence")
	}
	var out []string
	for _, n := range general {
		if n.Class != asn1.ClassContextSpecific || n.Tag != 0 {
			continue
		}
		var other struct {
			ID    asn1.ObjectIdentifier
			Value string `asn1:"utf8,explicit,tag:0"`
		}
		if rest, err := asn1.UnmarshalWithParams(n.FullBytes, &other, "tag:0"); err != nil || len(rest) > 0 || !other.ID.Equal(otherName) {
			return nil, errors.New("a name of an unknown kind")
		}
		out = append(out, other.Value)
	}
	return out, nil
}
