package keyless

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

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

// stamp returns the time that a timestamp authority states for a signature.
func (r *Root) stamp(stamp, signature []byte) (at time.Time, err error) {
	defer func() {
		if bad := recover(); bad != nil { // the parser of PKCS #7 does not expect every input
			err = fmt.Errorf("invalid timestamp: %v", bad)
		}
	}()
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
