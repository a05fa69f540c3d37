package config

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/internal/testfile"
)

// forExamples is a file with a mapping for the examples of each struct.
const forExamples = `
project: acme
platforms: [linux/amd64, linux/arm64, windows/amd64]
version: {base: v1.0.0}
fetch:
  - {url: "https://example.com/helm.tar.gz", sha256: "0000000000000000000000000000000000000000000000000000000000000000", path: charts, unpack: true}
before: [{}]
binaries: [{name: acme, package: .}]
images: [{name: acme-runtime, builder: docker, variants: [{platforms: [linux/amd64]}]}]
airgap: {lists: {images: {}}}
bundles: [{files: [{source: docs, path: /usr/share/doc/acme}], package: {description: Acme, license: Apache-2.0}}]
sign: {public-key: release.pub}
publish: [{registry: registry.example.com}, {s3: {bucket: acme}}]
sbom: {}
provenance: {}
expect: {}
names: {}
cache: {}
`

// TestExamplesAreAccepted loads a file with all examples of docs/configuration.md, and checks that the schema accepts
// them.
func TestExamplesAreAccepted(t *testing.T) {
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(forExamples), &tree); err != nil {
		t.Fatal(err)
	}
	placed := map[string]bool{}
	place(t, reflect.TypeFor[Config](), "", tree, placed)
	var unplaced func(path string, typ reflect.Type)
	unplaced = func(path string, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || isScalar(typ) {
			return
		}
		for _, f := range fieldsOf(typ) {
			if f.example != "" && !placed[typ.Name()+"."+f.key] {
				t.Errorf("%s.%s: the file has no mapping for its example", path, f.key)
			}
			unplaced(path+"."+f.key, f.typ)
		}
	}
	unplaced("", reflect.TypeFor[Config]())
	text, err := yaml.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, FileName)
	testfile.Write(t, file, string(text))
	for name, content := range map[string]string{
		"images.txt": "docker.io/library/busybox:1.36\n", "Dockerfile": "FROM scratch\n", "packaging/postinstall.sh": "#!/bin/sh\n",
		"security/acme.openvex.json": `{"@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex", "author": "Acme", "timestamp": "2026-01-01T00:00:00Z",
			"version": 1, "statements": [{"vulnerability": {"name": "CVE-2026-1"}, "products": [{"@id": "pkg:oci/acme"}], "status": "fixed"}]}`,
	} {
		testfile.Write(t, filepath.Join(dir, filepath.FromSlash(name)), content)
	}
	if _, err := Load(t.Context(), file, func(string) (string, bool) { return "", false }); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// place sets the keys of a mapping, and of the mappings in it, to the values of their examples.
func place(t *testing.T, typ reflect.Type, path string, tree map[string]any, placed map[string]bool) {
	for _, f := range fieldsOf(typ) {
		if f.example != "" {
			value := exampleOf(f)
			schema, err := schemaOf(f.typ, f).Resolve(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s.%s: the schema refuses the example %s: %v", path, f.key, f.example, err)
			}
			tree[f.key], placed[typ.Name()+"."+f.key] = value, true
		}
		elem := f.typ
		for elem.Kind() == reflect.Pointer || elem.Kind() == reflect.Slice || elem.Kind() == reflect.Map {
			elem = elem.Elem()
		}
		if elem.Kind() != reflect.Struct || isScalar(elem) {
			continue
		}
		var inside func(value any, typ reflect.Type)
		inside = func(value any, typ reflect.Type) {
			switch value := value.(type) {
			case []any:
				for _, e := range value {
					inside(e, typ)
				}
			case map[string]any:
				if typ.Kind() == reflect.Map {
					for _, e := range value {
						inside(e, typ.Elem())
					}
					return
				}
				place(t, elem, path+"."+f.key, value, placed)
			}
		}
		inside(tree[f.key], f.typ)
	}
}

// exampleOf returns the value of the tag example, with the types of JSON.
func exampleOf(f structField) any {
	var value any
	if err := yaml.Unmarshal([]byte(f.example), &value); err != nil {
		panic(f.key + ": " + err.Error())
	}
	return jsonValue(value)
}

// withExample adds the example of a field to its schema.
func withExample(s *jsonschema.Schema, f structField) *jsonschema.Schema {
	if f.example != "" {
		s.Examples = []any{exampleOf(f)}
	}
	return s
}
