package statement

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// MediaType is the media type of a statement, and the payload type of an envelope that has one.
const MediaType = "application/vnd.in-toto+json"

// The predicate types that Slipway makes or reads.
const (
	Provenance          = "https://slsa.dev/provenance/v1"
	VerificationSummary = "https://slsa.dev/verification_summary/v1"
	SPDX                = "https://spdx.dev/Document"
	CycloneDX           = "https://cyclonedx.org/bom"
	OpenVEX             = "https://openvex.dev/ns"
)

// The types of statements. Those of version 0.1, which BuildKit and older programs make, have the same members.
const (
	typeV1  = "https://in-toto.io/Statement/v1"
	typeV01 = "https://in-toto.io/Statement/v0.1"
)

// maxSize is the size of the largest statement, in bytes. The SBOM of a large image has a tenth of that.
const maxSize = 64 << 20

// A Statement is an in-toto statement.
type Statement struct {
	Subjects      []Subject
	PredicateType string
	Predicate     json.RawMessage // a JSON object
}

// A Subject is the file, manifest or index that a statement describes.
type Subject struct {
	Name   string            `json:"name,omitempty"`
	Digest map[string]string `json:"digest"` // algorithm to lower-case hex
}

// NewSubject returns the subject with a digest such as sha256:abc….
func NewSubject(name, digest string) (Subject, error) {
	algorithm, value, ok := strings.Cut(digest, ":")
	s := Subject{Name: name, Digest: map[string]string{algorithm: value}}
	if !ok || size(algorithm) == 0 {
		return Subject{}, fmt.Errorf("digest %q of %q is not sha256: or sha512: and hex", digest, name)
	}
	return s, s.check()
}

// New returns a statement. The predicate is a protobuf message, or a value that encodes to a JSON object.
func New(predicateType string, predicate any, subjects ...Subject) (*Statement, error) {
	var encoded []byte
	var err error
	if m, ok := predicate.(proto.Message); ok {
		encoded, err = protojson.Marshal(m)
	} else {
		encoded, err = jsonv2.Marshal(predicate)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding a predicate of type %s: %w", predicateType, err)
	}
	s := &Statement{Subjects: subjects, PredicateType: predicateType, Predicate: encoded}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("making a statement of type %s: %w", predicateType, err)
	}
	return s, nil
}

// wire is a statement in JSON.
type wire struct {
	Type          string         `json:"_type"`
	Subject       []Subject      `json:"subject"`
	PredicateType string         `json:"predicateType"`
	Predicate     jsontext.Value `json:"predicate"`
}

// Encode returns the canonical bytes of s.
func (s *Statement) Encode() ([]byte, error) {
	encoded, err := jsonv2.Marshal(wire{typeV1, s.Subjects, s.PredicateType, jsontext.Value(s.Predicate)})
	if err != nil {
		return nil, fmt.Errorf("encoding a statement of type %s: %w", s.PredicateType, err)
	}
	v := jsontext.Value(encoded)
	if err := v.Canonicalize(jsontext.CanonicalizeRawInts(false)); err != nil {
		return nil, fmt.Errorf("encoding a statement of type %s: %w", s.PredicateType, err)
	}
	return v, nil
}

// Read parses a statement of version 1 or 0.1. It refuses invalid and ambiguous statements; see the package comment.
func Read(b []byte) (*Statement, error) {
	if len(b) > maxSize {
		return nil, fmt.Errorf("a statement of %d bytes is larger than %d", len(b), maxSize)
	}
	var members map[string]jsontext.Value
	if err := jsonv2.Unmarshal(b, &members); err != nil {
		return nil, fmt.Errorf("reading a statement: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := ambiguous(name, "_type", "subject", "predicateType", "predicate"); err != nil {
			return nil, fmt.Errorf("reading a statement: %w", err)
		}
	}
	var w wire
	if err := jsonv2.Unmarshal(b, &w); err != nil {
		return nil, fmt.Errorf("reading a statement: %w", err)
	}
	if w.Type != typeV1 && w.Type != typeV01 {
		return nil, fmt.Errorf("reading a statement: the type is %q, not %s", w.Type, typeV1)
	}
	s := &Statement{w.Subject, w.PredicateType, json.RawMessage(w.Predicate)}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("reading a statement: %w", err)
	}
	return s, nil
}

// ambiguous returns an error if some readers take name for one of the known members, and others ignore it. The JSON
// decoder of Go ignores case by default; that of protobuf accepts names with underscores, too.
func ambiguous(name string, known ...string) error {
	for _, k := range known {
		if name != k && strings.EqualFold(strings.ReplaceAll(name, "_", ""), strings.ReplaceAll(k, "_", "")) {
			return fmt.Errorf("some programs take the member %q for %q", name, k)
		}
	}
	return nil
}

// UnmarshalJSON reads a subject. Its other members, such as uri and annotations, are ignored.
func (s *Subject) UnmarshalJSON(b []byte) error {
	var members map[string]jsontext.Value
	if err := jsonv2.Unmarshal(b, &members); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if err := ambiguous(name, "name", "digest"); err != nil {
			return fmt.Errorf("subject: %w", err)
		}
	}
	type plain Subject // without this method
	return jsonv2.Unmarshal(b, (*plain)(s))
}

// About reports whether a subject has a digest such as sha256:abc….
func (s *Statement) About(digest string) bool {
	algorithm, value, _ := strings.Cut(digest, ":")
	return value != "" && slices.ContainsFunc(s.Subjects, func(one Subject) bool { return one.Digest[algorithm] == value })
}

func (s *Statement) check() error {
	if len(s.Subjects) == 0 {
		return errors.New("the subject is missing")
	}
	for _, one := range s.Subjects {
		if err := one.check(); err != nil {
			return err
		}
	}
	if s.PredicateType == "" {
		return errors.New("the predicate type is missing")
	}
	if !strings.HasPrefix(string(s.Predicate), "{") {
		return errors.New("the predicate is not a JSON object")
	}
	return nil
}

func (s Subject) check() error {
	if len(s.Digest) == 0 {
		return fmt.Errorf("the subject %q has no digest", s.Name)
	}
	for algorithm, value := range s.Digest {
		if n := size(algorithm); n != 0 && (len(value) != 2*n || !lowerHex(value)) {
			return fmt.Errorf("the %s of subject %q is not %d digits of lower-case hex: %q", algorithm, s.Name, 2*n, value)
		}
		if algorithm == "" || value == "" {
			return fmt.Errorf("the subject %q has an empty digest or algorithm", s.Name)
		}
	}
	return nil
}

// size returns the size of digests in bytes, or 0 if the algorithm is not one that Slipway compares.
func size(algorithm string) int {
	switch algorithm {
	case "sha256":
		return 32
	case "sha512":
		return 64
	}
	return 0
}

func lowerHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && strings.ToLower(s) == s
}
