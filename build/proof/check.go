package proof

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/slipway-build/slipway/images/attest/statement"
)

// Check returns an error unless a statement has the predicate type and exactly the subjects, which map names to digests
// such as sha256:abc….
func Check(raw []byte, predicateType string, subjects map[string]string) error {
	s, err := statement.Read(raw)
	if err != nil {
		return err
	}
	if s.PredicateType != predicateType {
		return fmt.Errorf("the predicate type is %s, want %s", s.PredicateType, predicateType)
	}
	about := map[string]bool{}
	for _, one := range s.Subjects {
		digest := "sha256:" + one.Digest["sha256"]
		switch want, ok := subjects[one.Name]; {
		case !ok:
			return fmt.Errorf("its subject %s is not one of this artifact's files", one.Name)
		case digest != want:
			return fmt.Errorf("it is about %s with %s, but that has %s", one.Name, digest, want)
		}
		about[one.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(subjects)) {
		if !about[name] {
			return fmt.Errorf("it is not about %s", name)
		}
	}
	return nil
}

// SameBuild reports whether two statements of provenance are equal except for their invocations; see WithoutInvocation.
func SameBuild(a, b []byte) bool {
	first, err := WithoutInvocation(a)
	if err != nil {
		return false
	}
	second, err := WithoutInvocation(b)
	return err == nil && string(first) == string(second)
}

// WithoutInvocation returns the canonical bytes of a statement of provenance without its invocation: runDetails.metadata,
// which has the identifier and the times of the run that made it.
func WithoutInvocation(raw []byte) ([]byte, error) {
	s, err := statement.Read(raw)
	if err != nil {
		return nil, err
	}
	var predicate struct {
		BuildDefinition json.RawMessage            `json:"buildDefinition"`
		RunDetails      map[string]json.RawMessage `json:"runDetails"`
	}
	if err := json.Unmarshal(s.Predicate, &predicate); err != nil {
		return nil, err
	}
	delete(predicate.RunDetails, "metadata")
	if s, err = statement.New(s.PredicateType, predicate, s.Subjects...); err != nil {
		return nil, err
	}
	return s.Encode()
}
