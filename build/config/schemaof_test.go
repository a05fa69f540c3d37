package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/slipway-build/slipway/images"
)

// makeSchema makes the JSON schema of slipway.yaml from the structs that Load decodes. The schema accepts everything
// that Load accepts. Load also reports problems that need more than one value, such as an unknown image in a list.
func makeSchema() ([]byte, error) {
	schema := schemaOf(reflect.TypeFor[Config](), structField{})
	schema.Types, schema.Type = nil, "object"
	schema.ID = SchemaURL
	// Editors support draft 7 best.
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

// schemaOf returns the schema of the values that decoder.value accepts for a type.
func schemaOf(t reflect.Type, f structField) *jsonschema.Schema {
	s := &jsonschema.Schema{Description: f.doc}
	switch {
	case t == platformType:
		s.AnyOf = []*jsonschema.Schema{{Type: "string", Pattern: images.PlatformPattern()}, expandable()}
		s.Examples = []any{"linux/amd64", "linux/arm64", "windows/amd64"}
	case t == conditionType:
		s.Types = []string{"string", "boolean"}
	case t == envNameType:
		s.Type, s.Pattern = "string", envNamePattern
	case t.Kind() == reflect.Pointer:
		return schemaOf(t.Elem(), f)
	case t.Kind() == reflect.String && f.enum != nil:
		words := &jsonschema.Schema{}
		for _, w := range f.enum {
			words.Enum = append(words.Enum, w)
			if b, err := strconv.ParseBool(w); err == nil {
				words.Enum = append(words.Enum, b) // Load accepts true and "true"
			}
		}
		s.AnyOf = []*jsonschema.Schema{words, expandable()}
	case t.Kind() == reflect.String && f.pattern != "":
		s.AnyOf = []*jsonschema.Schema{{Type: "string", Pattern: f.pattern}, expandable()}
	case t.Kind() == reflect.String:
		// Load accepts numbers and dates as text, as they are written.
		s.Types = []string{"string", "number", "boolean"}
	case t.Kind() == reflect.Bool:
		s.AnyOf = []*jsonschema.Schema{{Type: "boolean"}, expandable()}
	case t.Kind() == reflect.Int:
		s.AnyOf = []*jsonschema.Schema{{Type: "integer"}, expandable()}
	case t.Kind() == reflect.Slice:
		s.Types = []string{"array", "null"}
		s.Items = schemaOf(t.Elem(), structField{enum: f.enum, pattern: f.pattern})
		if isOneOrMore(t) {
			one := []*jsonschema.Schema{s.Items.CloneSchemas()}
			if alternatives := one[0].AnyOf; alternatives != nil {
				one = alternatives
			}
			return &jsonschema.Schema{Description: f.doc, AnyOf: append([]*jsonschema.Schema{{Types: s.Types, Items: s.Items}}, one...)}
		}
		if t.Elem().Kind() == reflect.Struct && t.Elem() != platformType {
			if s.Items.Types = slices.DeleteFunc(s.Items.Types, func(t string) bool { return t == "null" }); len(s.Items.Types) == 1 {
				s.Items.Types, s.Items.Type = nil, "object" // an element must not be null
			}
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
		s.PatternProperties = map[string]*jsonschema.Schema{"^x-": {}} // isExtension
		s.AdditionalProperties = nothing()
		var short *jsonschema.Schema
		for _, sub := range fieldsOf(t) {
			if sub.inherit == "enum" {
				sub.enum = f.enum
			}
			s.Properties[sub.key] = withExample(schemaOf(sub.typ, sub), sub)
			s.PropertyOrder = append(s.PropertyOrder, sub.key)
			if sub.short {
				short = s.Properties[sub.key].CloneSchemas()
			}
			if sub.required {
				s.Required = append(s.Required, sub.key)
			}
		}
		if short != nil { // the mapping or this value, and never null
			s.Types, s.Type = nil, "object"
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{s, short}}
		}
	default:
		panic(fmt.Sprintf("no schema for a %s", t))
	}
	return s
}

// expandable returns the schema of text with a variable, whose value only Load knows.
func expandable() *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: `\$`} }

// nothing returns the schema that no value matches.
func nothing() *jsonschema.Schema { return &jsonschema.Schema{Not: &jsonschema.Schema{}} }
