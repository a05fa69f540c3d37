package keyless

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	common "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	trustpb "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/slipway-build/slipway/internal/regular"
)

// MediaType is that of trusted roots.
const MediaType = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"

// newMediaType is another spelling of MediaType, which newer versions of the specification use.
const newMediaType = "application/vnd.dev.sigstore.trustedroot.v0.1+json"

// maxRoot is the size in bytes of the largest trusted root that is read.
const maxRoot = 16 << 20

// A Root is a trusted root: the services whose certificates, timestamps and log entries are believed.
type Root struct {
	fulcios, stampers []authority
	logs, certLogs    []log
	digest            [sha256.Size]byte // of the file
}

// An authority is a certificate authority.
type authority struct {
	// leaf is the certificate of a timestamp authority itself, or nil.
	leaf          *x509.Certificate
	intermediates []*x509.Certificate
	root          *x509.Certificate
	period
}

// A log is a public log, of signatures or of certificates.
type log struct {
	id  string
	key crypto.PublicKey
	period
}

// A period is when a service was in use. Zero values are open ends.
type period struct{ start, end time.Time }

func (p period) has(t time.Time) bool {
	return !t.Before(p.start) && (p.end.IsZero() || !t.After(p.end))
}

func newPeriod(r *common.TimeRange) period {
	var p period
	if r.GetStart() != nil {
		p.start = r.GetStart().AsTime()
	}
	if r.GetEnd() != nil {
		p.end = r.GetEnd().AsTime()
	}
	return p
}

// ReadRoot reads a trusted root from a file.
func ReadRoot(file string) (*Root, error) {
	raw, err := regular.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the trusted root: %w", err)
	}
	root, err := ParseRoot(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return root, nil
}

// ParseRoot reads a trusted root, as JSON.
func ParseRoot(raw []byte) (*Root, error) {
	if len(raw) > maxRoot {
		return nil, fmt.Errorf("invalid trusted root: it has %d bytes, more than %d", len(raw), maxRoot)
	}
	content := &trustpb.TrustedRoot{}
	if err := (protojson.UnmarshalOptions{RecursionLimit: 32}).Unmarshal(raw, content); err != nil {
		return nil, fmt.Errorf("invalid trusted root: %w", err)
	}
	if m := content.GetMediaType(); m != MediaType && m != newMediaType {
		return nil, fmt.Errorf("invalid trusted root: media type %q, want %q", m, MediaType)
	}
	r := &Root{digest: sha256.Sum256(raw)}
	err := errors.Join(
		each(content.GetCertificateAuthorities(), "certificate authority", func(a *trustpb.CertificateAuthority) error { return add(&r.fulcios, a) }),
		each(content.GetTimestampAuthorities(), "timestamp authority", func(a *trustpb.CertificateAuthority) error { return add(&r.stampers, a) }),
		each(content.GetTlogs(), "log", func(l *trustpb.TransparencyLogInstance) error { return addLog(&r.logs, l) }),
		each(content.GetCtlogs(), "log of certificates", func(l *trustpb.TransparencyLogInstance) error { return addLog(&r.certLogs, l) }),
	)
	switch {
	case err != nil:
		return nil, err
	case len(r.fulcios) == 0:
		return nil, errors.New("invalid trusted root: missing certificate authority")
	case len(r.stampers) == 0 && len(r.logs) == 0:
		return nil, errors.New("invalid trusted root: neither a timestamp authority nor a log, so that no signature could be valid")
	}
	return r, nil
}

func each[T any](all []T, what string, do func(T) error) error {
	var errs []error
	for i, one := range all {
		if err := do(one); err != nil {
			errs = append(errs, fmt.Errorf("invalid trusted root: %s %d: %w", what, i+1, err))
		}
	}
	return errors.Join(errs...)
}

// add adds an authority, whose certificates are ordered from the leaf to the root.
func add(to *[]authority, a *trustpb.CertificateAuthority) error {
	chain := a.GetCertChain().GetCertificates()
	if len(chain) == 0 {
		return errors.New("missing certificates")
	}
	out := authority{period: newPeriod(a.GetValidFor())}
	for i, c := range chain {
		parsed, err := x509.ParseCertificate(c.GetRawBytes())
		switch {
		case err != nil:
			return err
		case i == len(chain)-1:
			out.root = parsed
		case i == 0 && !parsed.IsCA:
			out.leaf = parsed
		default:
			out.intermediates = append(out.intermediates, parsed)
		}
	}
	*to = append(*to, out)
	return nil
}

func addLog(to *[]log, l *trustpb.TransparencyLogInstance) error {
	id := l.GetLogId().GetKeyId()
	if len(id) == 0 {
		return errors.New("missing ID of its key")
	}
	raw := l.GetPublicKey().GetRawBytes()
	key, err := x509.ParsePKIXPublicKey(raw)
	if err != nil {
		if key, err = x509.ParsePKCS1PublicKey(raw); err != nil {
			return fmt.Errorf("invalid public key: %w", err)
		}
	}
	*to = append(*to, log{string(id), key, newPeriod(l.GetPublicKey().GetValidFor())})
	return nil
}

// find returns the log with an ID that was in use at a time.
func find(logs []log, id []byte, at time.Time) (log, error) {
	for _, l := range logs {
		if l.id == string(id) && l.has(at) {
			return l, nil
		}
	}
	return log{}, fmt.Errorf("the trusted root has no log with ID %x that was in use on %s", id, at.UTC().Format(time.RFC3339))
}

var errLogSignature = errors.New("invalid signature of the log")

// verify checks a signature of the log: of the SHA-256 of a message, or of the message itself for Ed25519.
func (l log) verify(message, signature []byte) error {
	sum := sha256.Sum256(message)
	ok := false
	switch k := l.key.(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(k, sum[:], signature)
	case ed25519.PublicKey:
		ok = ed25519.Verify(k, message, signature)
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], signature) == nil
	}
	if !ok {
		return errLogSignature
	}
	return nil
}
