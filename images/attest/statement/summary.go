package statement

import (
	"fmt"

	vsa "github.com/in-toto/attestation/go/predicates/vsa/v1"
)

// A Summary is the content of a SLSA verification summary (https://slsa.dev/spec/v1.1/verification_summary): that
// somebody verified artifacts against a policy, and the result. It has no time, so that verifying again gives the
// same bytes.
type Summary struct {
	Verifier string   // the URI of the verifier
	Resource string   // the URI of the release or image that the subjects are part of
	Policy   Evidence // the policy that they were verified against
	Inputs   []Evidence
	Passed   bool
	Levels   []string // the levels if it passed: SLSA_BUILD_LEVEL_2, or words of the verifier
}

// Evidence is a policy or an attestation that a verification used.
type Evidence struct {
	URI    string
	Digest map[string]string // algorithm to lower-case hex; may be empty for a policy
}

// Statement returns the summary as a statement about subjects. An error names a missing value.
func (s Summary) Statement(subjects ...Subject) (*Statement, error) {
	for _, required := range []struct{ name, value string }{
		{"verifier", s.Verifier}, {"resource", s.Resource}, {"policy", s.Policy.URI},
	} {
		if required.value == "" {
			return nil, fmt.Errorf("making a verification summary: the URI of the %s is missing", required.name)
		}
	}
	predicate := &vsa.VerificationSummary{
		Verifier:           &vsa.VerificationSummary_Verifier{Id: s.Verifier},
		ResourceUri:        s.Resource,
		Policy:             &vsa.VerificationSummary_Policy{Uri: s.Policy.URI, Digest: s.Policy.Digest},
		VerificationResult: "PASSED",
		VerifiedLevels:     s.Levels,
		SlsaVersion:        "1.1",
	}
	if !s.Passed {
		predicate.VerificationResult, predicate.VerifiedLevels = "FAILED", []string{"FAILED"}
	}
	for _, e := range s.Inputs {
		predicate.InputAttestations = append(predicate.InputAttestations, &vsa.VerificationSummary_InputAttestation{Uri: e.URI, Digest: e.Digest})
	}
	if len(predicate.VerifiedLevels) == 0 {
		return nil, fmt.Errorf("making a verification summary of %s: the verified levels are missing", s.Resource)
	}
	return New(VerificationSummary, predicate, subjects...)
}
