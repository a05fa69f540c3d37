package rebuild

import (
	"fmt"

	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/images/attest/statement"
)

// The verifier, policy and level of summaries. The policy is that every subject has the digest that another build has.
const (
	verifier = "https://github.com/slipway-build/slipway/verify"
	policy   = "https://github.com/slipway-build/slipway/blob/main/docs/verifying.md#rebuild-and-compare"
	level    = "SLIPWAY_REBUILT_EQUAL"
)

// summary returns a SLSA verification summary about the subjects of comparisons without differences: that a rebuild has
// made the same bytes. It leaves out signatures, provenance with another invocation, and what follows from that. report is
// that of the release.
func summary(report release.Report, comparisons ...*Comparison) (*statement.Statement, error) {
	var subjects []statement.Subject
	seen := map[string]bool{}
	for _, c := range comparisons {
		if len(c.Differences) > 0 {
			return nil, fmt.Errorf("making a verification summary: the release differs from %s", c.With)
		}
		for _, m := range c.Subjects {
			_, other := c.alike[m.Path]
			if other || seen[m.Where()] {
				continue // what is alike has other digests
			}
			seen[m.Where()] = true
			s, err := statement.NewSubject(m.Where(), m.Digest)
			if err != nil {
				return nil, err
			}
			subjects = append(subjects, s)
		}
	}
	return statement.Summary{
		Verifier: verifier,
		Resource: "pkg:generic/" + report.Project + "@" + report.Release.Version,
		Policy:   statement.Evidence{URI: policy, Digest: map[string]string{"gitCommit": report.Release.Commit}},
		Passed:   true,
		Levels:   []string{level},
	}.Statement(subjects...)
}
