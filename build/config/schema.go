package config

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/slipway-build/slipway/images"
)

// SchemaURL is where editors find the schema of slipway.yaml.
const SchemaURL = "https://raw.githubusercontent.com/slipway-build/slipway/main/docs/slipway.schema.json"

// Schema is the JSON schema of slipway.yaml, made from the structs that Load
// decodes. It accepts whatever Load does; what Load says beyond it needs more
// than one value to see, such as an unknown image in a list.
func Schema() ([]byte, error) {
	schema := schemaOf(reflect.TypeFor[Config](), structField{})
	schema.Types, schema.Type = nil, "object"
	schema.ID = SchemaURL
	// Draft 7 is the one that editors know best.
	schema.Schema = "http://json-schema.org/draft-07/schema#"
	schema.Title = "slipway.yaml"
	schema.Description = "What Slipway releases: binaries, images, air-gap archives and bundles. " +
		"Values may hold ${NAME} and ${NAME:-default}; $$ is a dollar."
	data, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the schema of slipway.yaml: %w", err)
	}
	return append(data, '\n'), nil
}

// schemaOf mirrors decoder.value.
func schemaOf(t reflect.Type, f structField) *jsonschema.Schema {
	s := &jsonschema.Schema{Description: f.doc}
	switch {
	case t == platformType:
		s.AnyOf = []*jsonschema.Schema{{Type: "string", Pattern: images.PlatformPattern()}, expandable()}
		s.Examples = []any{"linux/amd64", "linux/arm64", "windows/amd64"}
	case t.Kind() == reflect.Pointer:
		return schemaOf(t.Elem(), f)
	case t.Kind() == reflect.String && f.enum != nil:
		words := &jsonschema.Schema{}
		for _, w := range f.enum {
			words.Enum = append(words.Enum, w)
		}
		s.AnyOf = []*jsonschema.Schema{words, expandable()}
	case t.Kind() == reflect.String && f.pattern != "":
		s.AnyOf = []*jsonschema.Schema{{Type: "string", Pattern: f.pattern}, expandable()}
	case t.Kind() == reflect.String:
		// Numbers and dates are text as they are written.
		s.Types = []string{"string", "number", "boolean"}
	case t.Kind() == reflect.Bool:
		s.AnyOf = []*jsonschema.Schema{{Type: "boolean"}, expandable()}
	case t.Kind() == reflect.Int:
		s.AnyOf = []*jsonschema.Schema{{Type: "integer"}, expandable()}
	case t.Kind() == reflect.Slice:
		s.Types = []string{"array", "null"}
		s.Items = schemaOf(t.Elem(), structField{enum: f.enum, pattern: f.pattern})
		if t.Elem().Kind() == reflect.Struct && t.Elem() != platformType {
			s.Items.Types, s.Items.Type = nil, "object" // an element cannot be nothing
		}
		if f.required {
			s.Types, s.Type, s.MinItems = nil, "array", new(1)
		}
	case t.Kind() == reflect.Map:
		s.Types = []string{"object", "null"}
		values := schemaOf(t.Elem(), structField{})
		if f.keys == nil {
			s.AdditionalProperties = values
			break
		}
		s.Properties, s.PropertyOrder = map[string]*jsonschema.Schema{}, f.keys
		for _, key := range f.keys {
			s.Properties[key] = values.CloneSchemas()
		}
		s.AdditionalProperties = nothing()
	case t.Kind() == reflect.Struct:
		s.Types = []string{"object", "null"}
		s.Properties = map[string]*jsonschema.Schema{}
		s.AdditionalProperties = nothing()
		for _, sub := range fieldsOf(t) {
			s.Properties[sub.key] = schemaOf(sub.typ, sub)
			s.PropertyOrder = append(s.PropertyOrder, sub.key)
			if sub.required {
				s.Required = append(s.Required, sub.key)
			}
		}
	default:
		panic(fmt.Sprintf("no schema for a %s", t))
	}
	return s
}

// expandable is text that holds a variable, of which only Load sees the value.
func expandable() *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: `\$`} }

// nothing is the schema that no value satisfies.
func nothing() *jsonschema.Schema { return &jsonschema.Schema{Not: &jsonschema.Schema{}} }
