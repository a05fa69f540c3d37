package statement

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVerificationSummary(t *testing.T) {
	subject := Subject{Name: "slipway", Digest: map[string]string{"sha256": hexB}}
	full := Summary{
		Verifier: "https://example.com/verifier", Resource: "https://example.com/v1", Passed: true,
		Policy: Evidence{URI: "https://example.com/policy", Digest: map[string]string{"sha256": hexB}},
		Inputs: []Evidence{{URI: "provenance.json", Digest: map[string]string{"sha256": hexB}}},
		Levels: []string{"SLSA_BUILD_LEVEL_2"},
	}
	for _, c := range []struct {
		name   string
		change func(*Summary)
		want   string // the predicate, or the error
	}{
		{"passed", func(*Summary) {}, `{"inputAttestations":[{"digest":{"sha256":"` + hexB + `"},"uri":"provenance.json"}],` +
			`"policy":{"digest":{"sha256":"` + hexB + `"},"uri":"https://example.com/policy"},"resourceUri":"https://example.com/v1",` +
			`"slsaVersion":"1.1","verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_2"],"verifier":{"id":"https://example.com/verifier"}}`},
		{"failed", func(s *Summary) { s.Passed, s.Inputs, s.Policy.Digest = false, nil, nil }, `{"policy":{"uri":"https://example.com/policy"},` +
			`"resourceUri":"https://example.com/v1","slsaVersion":"1.1","verificationResult":"FAILED","verifiedLevels":["FAILED"],"verifier":{"id":"https://example.com/verifier"}}`},
		{"no verifier", func(s *Summary) { s.Verifier = "" }, "making a verification summary: the URI of the verifier is missing"},
		{"no policy", func(s *Summary) { s.Policy.URI = "" }, "making a verification summary: the URI of the policy is missing"},
		{"no levels", func(s *Summary) { s.Levels = nil }, "making a verification summary of https://example.com/v1: the verified levels are missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			summary := full
			c.change(&summary)
			got := ""
			if s, err := summary.Statement(subject); err != nil {
				got = err.Error()
			} else if encoded, err := s.Encode(); err != nil {
				t.Fatal(err)
			} else if read, err := Read(encoded); err != nil {
				t.Fatal(err)
			} else {
				got = string(read.Predicate)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
