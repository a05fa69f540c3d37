package proof

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	slsa "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/internal/redact"
)

// BuildType is the build type of SLSA that says how to read the parameters. The page describes them.
const BuildType = "https://github.com/slipway-build/slipway/blob/main/docs/provenance.md#build-type-v1"

// A Provenance says how something was made, in the terms of https://slsa.dev/spec/v1.1/provenance.
type Provenance struct {
	// External are what the user decides, and Internal what Slipway decides. Both are JSON objects.
	External, Internal any
	// Dependencies are what it is made from, in any order.
	Dependencies []Dependency
	// Builder is the URI of who made it. Versions are those of the programs that did.
	Builder  string
	Versions map[string]string
	// Invocation is all that may differ between two builds.
	Invocation Invocation
}

// A Dependency is something that an artifact is made from. It has a URI or a name.
type Dependency struct {
	Name, URI string
	Digest    map[string]string // at most one: algorithm, as in-toto names it, to lower-case hex
}

// compare orders dependencies, and returns 0 for equal ones.
func (d Dependency) compare(other Dependency) int {
	return cmp.Or(cmp.Compare(d.URI, other.URI), cmp.Compare(d.Name, other.Name), cmp.Compare(d.digest(), other.digest()))
}

// digest returns the digest as text, for comparison.
func (d Dependency) digest() (text string) {
	for algorithm, value := range d.Digest {
		text = algorithm + ":" + value
	}
	return text
}

// Statement returns the provenance as a statement about subjects, without secrets: the known ones, and those that can be
// told by their names or their form.
func (p Provenance) Statement(secrets *redact.Secrets, subjects ...statement.Subject) (*statement.Statement, error) {
	clean := cleaner{secrets}
	external, err := clean.object(p.External)
	if err != nil {
		return nil, err
	}
	internal, err := clean.object(p.Internal)
	if err != nil {
		return nil, err
	}
	predicate := &slsa.Provenance{
		BuildDefinition: &slsa.BuildDefinition{BuildType: BuildType, ExternalParameters: external, InternalParameters: internal},
		RunDetails:      &slsa.RunDetails{Builder: &slsa.Builder{Id: clean.text("", p.Builder), Version: p.Versions}},
	}
	dependencies := slices.SortedFunc(slices.Values(p.Dependencies), Dependency.compare)
	for _, d := range slices.CompactFunc(dependencies, func(a, b Dependency) bool { return a.compare(b) == 0 }) {
		predicate.BuildDefinition.ResolvedDependencies = append(predicate.BuildDefinition.ResolvedDependencies,
			&intoto.ResourceDescriptor{Name: clean.text("", d.Name), Uri: clean.text("", d.URI), Digest: d.Digest})
	}
	if i := p.Invocation; i != (Invocation{}) {
		predicate.RunDetails.Metadata = &slsa.BuildMetadata{InvocationId: clean.text("", i.ID)}
		if !i.Started.IsZero() {
			predicate.RunDetails.Metadata.StartedOn = timestamppb.New(i.Started)
		}
	}
	if err := predicate.Validate(); err != nil {
		return nil, fmt.Errorf("making provenance: %w", err)
	}
	return statement.New(statement.Provenance, predicate, subjects...)
}

// A cleaner removes secrets from parameters.
type cleaner struct{ known *redact.Secrets }

// object returns v as a JSON object without null and without secrets.
func (c cleaner) object(v any) (*structpb.Struct, error) {
	if v == nil {
		return nil, nil
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encoding parameters of a build: %w", err)
	}
	var members map[string]any
	if err := json.Unmarshal(encoded, &members); err != nil {
		return nil, fmt.Errorf("encoding parameters of a build: %w", err)
	}
	return structpb.NewStruct(c.value("", members).(map[string]any))
}

// value returns v, which is the member name of an object or an element of it.
func (c cleaner) value(name string, v any) any {
	switch v := v.(type) {
	case string:
		return c.text(name, v)
	case []any:
		for i := range v {
			v[i] = c.value("", v[i])
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if v[key] == nil {
				delete(v, key)
			} else {
				v[key] = c.value(key, v[key])
			}
		}
	}
	return v
}

func (c cleaner) text(name, s string) string { return c.known.Text(redact.Value(name, s)) }
