package proof

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	jsonv2 "github.com/go-json-experiment/json"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/attest/statement"
)

// encode returns the content statement.
func encode(c Content) ([]byte, error) {
	s, err := statement.New(predicateType, c, subjects(c)...)
	if err != nil {
		return nil, err
	}
	raw, err := s.Encode()
	if err == nil && len(raw) > maxStatement {
		err = fmt.Errorf("the content statement would be %d bytes; at most %d are read", len(raw), maxStatement)
	}
	return raw, err
}

// subjects are the manifests of the images, each once.
func subjects(c Content) []statement.Subject {
	var all []statement.Subject
	seen := map[v1.Hash]bool{}
	for _, img := range c.Images {
		if !seen[img.Manifest] && len(img.Names) > 0 {
			seen[img.Manifest] = true
			all = append(all, statement.Subject{Name: img.Names[0], Digest: map[string]string{img.Manifest.Algorithm: img.Manifest.Hex}})
		}
	}
	return all
}

// parse reads a content statement. Each image of the result has a name.
func parse(raw []byte) (Content, error) {
	var c Content
	s, err := statement.Read(raw)
	if err != nil {
		return c, err
	}
	if s.PredicateType != predicateType {
		return c, fmt.Errorf("not a content statement: its predicate is a %s", s.PredicateType)
	}
	if err := jsonv2.Unmarshal(s.Predicate, &c); err != nil {
		return c, fmt.Errorf("reading the predicate: %w", err)
	}
	for i, img := range c.Images {
		if len(img.Names) == 0 {
			return c, fmt.Errorf("its image %d (manifest %s) has no name", i+1, img.Manifest)
		}
	}
	same := func(a, b statement.Subject) bool { return a.Name == b.Name && maps.Equal(a.Digest, b.Digest) }
	if !slices.EqualFunc(s.Subjects, subjects(c), same) {
		return c, errors.New("its subjects are not the manifests of its images")
	}
	return c, nil
}
