package policyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/images/attest/policy"
	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/images/attest/statement"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
)

// file is a policy in YAML.
type file struct {
	Keys        map[string]text     `yaml:"keys"`
	TrustedRoot text                `yaml:"trusted-root"`
	Identities  map[string]identity `yaml:"identities"`
	Archive     struct {
		SignedBy []text `yaml:"signed-by"`
		Release  string `yaml:"release"`
		Minimum  string `yaml:"minimum-version"`
	} `yaml:"archive"`
	Images []rule `yaml:"images"`
	Node   struct {
		Archives []string `yaml:"archives"`
	} `yaml:"node"`
}

// A Node is the policy of a node.
type Node struct {
	*policy.Policy
	// Archives are the archives on the node, and folders of archives.
	Archives []string
}

type rule struct {
	Repositories []string `yaml:"repositories"`
	SignedBy     []text   `yaml:"signed-by"`
	Predicates   []text   `yaml:"predicates"`
	Bases        []string `yaml:"bases"`
}

// A text is a scalar with its line.
type text struct {
	value string
	line  int
}

func (t *text) UnmarshalYAML(n *yaml.Node) error {
	t.line = n.Line
	return n.Decode(&t.value)
}

// predicates are short names of predicate types, as cosign spells them.
var predicates = map[string]string{
	"slsaprovenance1": statement.Provenance,
	"spdx":            statement.SPDX,
	"spdxjson":        statement.SPDX,
	"cyclonedx":       statement.CycloneDX,
	"openvex":         statement.OpenVEX,
}

// LoadNode reads a policy. Its errors name the lines of the file.
func LoadNode(path string) (*Node, error) {
	raw, err := regular.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading policy %s: %w", path, fileop.WithoutPath(err))
	}
	var f file
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil && err != io.EOF {
		return nil, fmt.Errorf("reading policy %s: %s", path, located(err))
	}
	if err := d.Decode(new(yaml.Node)); err != io.EOF {
		return nil, fmt.Errorf("reading policy %s: want a single document", path)
	}
	r := &reader{path: path, signers: map[string]policy.Signer{}}
	for _, name := range slices.Sorted(maps.Keys(f.Keys)) {
		key := f.Keys[name]
		keys, err := r.keys(key.value)
		r.say(key.line, err)
		r.signers[name] = policy.Signer{Name: name, Keys: sign.Verifiers(keys...)}
	}
	r.identities(f)
	p := &policy.Policy{Archive: policy.Archive{Signers: r.named(f.Archive.SignedBy), Release: f.Archive.Release, Minimum: f.Archive.Minimum}}
	for _, rule := range f.Images {
		p.Images = append(p.Images, policy.Rule{Repositories: rule.Repositories, Signers: r.named(rule.SignedBy),
			Predicates: r.predicates(rule.Predicates), Bases: rule.Bases})
	}
	if len(p.Archive.Signers) == 0 && len(p.Images) == 0 {
		r.errs = append(r.errs, fmt.Errorf("%s: the policy requires nothing: add archive.signed-by, or images", path))
	}
	if err := p.Validate(); err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s: %w", path, err))
	}
	return &Node{p, f.Node.Archives}, errors.Join(r.errs...)
}

var yamlLine = regexp.MustCompile(`(?s)^yaml: (unmarshal errors:\s*)?`)

// located removes what go.yaml.in writes before "line 3: …".
func located(err error) string {
	return strings.ReplaceAll(yamlLine.ReplaceAllString(err.Error(), ""), "\n  ", "; ")
}

// A reader collects the errors of a policy.
type reader struct {
	path    string
	signers map[string]policy.Signer
	errs    []error
}

func (r *reader) say(line int, err error) {
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s:%d: %w", r.path, line, err))
	}
}

// keys reads public keys: PEM text, or a file beside the policy.
func (r *reader) keys(value string) ([]*sign.PublicKey, error) {
	if strings.Contains(value, "-----BEGIN") {
		return sign.ParsePublicKeys([]byte(value))
	}
	return readKeys(r.beside(value))
}

// beside returns the location of a file whose path is relative to the policy.
func (r *reader) beside(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(r.path), file)
}

func readKeys(path string) ([]*sign.PublicKey, error) {
	raw, err := regular.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("public key %s: %w", path, fileop.WithoutPath(err))
	}
	keys, err := sign.ParsePublicKeys(raw)
	if err != nil {
		return nil, fmt.Errorf("public key %s: %w", path, err)
	}
	return keys, nil
}

func (r *reader) named(names []text) []policy.Signer {
	var out []policy.Signer
	for _, n := range names {
		s, ok := r.signers[n.value]
		if !ok {
			r.say(n.line, fmt.Errorf("signer %q is not one of keys or identities", n.value))
			continue
		}
		out = append(out, s)
	}
	return out
}

func (r *reader) predicates(names []text) []string {
	var out []string
	for _, n := range names {
		t, ok := predicates[n.value]
		if !ok && !strings.Contains(n.value, "://") {
			r.say(n.line, fmt.Errorf("predicate %q: want a URI, or one of slsaprovenance1, spdxjson, cyclonedx and openvex", n.value))
		}
		if !ok {
			t = n.value
		}
		out = append(out, t)
	}
	return out
}

// Choose returns the policy of --policy, or one for which one of the keys, or the identity, must have signed the archive.
// Without any of them, it returns nil.
func Choose(file string, keys []string, who Identity) (*policy.Policy, error) {
	named, err := who.signers()
	if err != nil {
		return nil, err
	}
	switch {
	case file != "" && len(keys) > 0:
		return nil, errors.New("--key and --policy: give one of them; a policy names its keys")
	case file != "" && len(named) > 0:
		return nil, errors.New("--certificate-identity and --policy: give one of them; a policy names its identities")
	}
	if file != "" {
		p, err := LoadNode(file)
		if err != nil {
			return nil, err
		}
		return p.Policy, nil
	}
	var errs []error
	for _, path := range keys {
		read, err := readKeys(path)
		named, errs = append(named, policy.Signer{Name: path, Keys: sign.Verifiers(read...)}), append(errs, err)
	}
	if len(named) == 0 {
		return nil, nil
	}
	return policy.Vouched(named...), errors.Join(errs...)
}
