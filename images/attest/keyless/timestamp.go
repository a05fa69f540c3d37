package keyless

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
	"github.com/sigstore/timestamp-authority/v2/pkg/verification"
)

// stamped returns the times that timestamp authorities of the root state. The error says why other timestamps state
// nothing.
func (s *signed) stamped(root *Root) ([]time.Time, error) {
	var times []time.Time
	var errs []error
	for _, stamp := range s.content.GetVerificationMaterial().GetTimestampVerificationData().GetRfc3161Timestamps() {
		at, err := root.stamp(stamp.GetSignedTimestamp(), s.bundle.Signature())
		if err != nil {
			errs = append(errs, fmt.Errorf("its timestamp: %w", err))
			continue
		}
		times = append(times, at)
	}
	return times, errors.Join(errs...)
}

// maxTimestamp is the size in bytes of the largest timestamp that is read. The parser of PKCS #7 recurses for each level of
// its input, and takes time that grows with the square of the levels.
const maxTimestamp = 16 << 10

// ParseTimestamp reads the response of a timestamp authority (RFC 3161, section 2.4.2). It does not check who made it.
func ParseTimestamp(response []byte) (stamp *timestamp.Timestamp, err error) {
	defer recovered(&err)
	if len(response) > maxTimestamp {
		return nil, fmt.Errorf("invalid timestamp: it has %d bytes, more than %d", len(response), maxTimestamp)
	}
	var outer struct{ Status, Token asn1.RawValue }
	if _, err := asn1.Unmarshal(response, &outer); err == nil { // ParseResponse says why there is no token
		if err := checkToken(outer.Token.FullBytes); err != nil {
			return nil, fmt.Errorf("invalid timestamp: %w", err)
		}
	}
	return timestamp.ParseResponse(response)
}

// checkToken returns an error if the signature of a token would take long to verify, which ParseResponse does with the
// certificates in the token.
func checkToken(token []byte) error {
	parsed, err := pkcs7.Parse(token)
	if err != nil {
		return err
	}
	if n := len(parsed.Signers); n != 1 {
		return fmt.Errorf("it has %d signatures, want 1", n)
	}
	for _, c := range parsed.Certificates {
		if err := checkKey(c); err != nil {
			return err
		}
	}
	return nil
}

// recovered makes an error of a panic: the parser of PKCS #7 does not expect every input.
func recovered(err *error) {
	if bad := recover(); bad != nil {
		*err = fmt.Errorf("invalid timestamp: %v", bad)
	}
}

// stamp returns the time that a timestamp authority states for a signature.
func (r *Root) stamp(stamp, signature []byte) (at time.Time, err error) {
	defer recovered(&err)
	if _, err := ParseTimestamp(stamp); err != nil {
		return at, err
	}
	err = errors.New("the trusted root has no timestamp authority")
	for _, a := range r.stampers {
		stated, verifyErr := verification.VerifyTimestampResponse(stamp, bytes.NewReader(signature), verification.VerifyOpts{
			Roots: []*x509.Certificate{a.root}, Intermediates: a.intermediates, TSACertificate: a.leaf})
		switch {
		case verifyErr != nil:
			err = verifyErr
		case !a.has(stated.Time):
			err = fmt.Errorf("its authority was not in use on %s", stated.Time.UTC().Format(time.RFC3339))
		default:
			return stated.Time, nil
		}
	}
	return time.Time{}, err
}
