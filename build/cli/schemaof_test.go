package cli

import (
	"cmp"
	"encoding"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/images"
)

// A schemaMaker makes JSON Schemas of the types that encoding/json writes. Each struct is a definition.
type schemaMaker struct {
	t    *testing.T
	defs map[string]*jsonschema.Schema
	// types are the types of defs, whose names must differ.
	types map[string]reflect.Type
	// comments has the comments of the fields of a package's structs, by TYPE.FIELD.
	comments map[string]map[string]string
}

// texts are the types with their own JSON format.
var texts = map[reflect.Type]*jsonschema.Schema{
	reflect.TypeFor[time.Time]():       {Type: "string", Format: "date-time"},
	reflect.TypeFor[v1.Hash]():         {Type: "string", Pattern: "^sha256:[0-9a-f]{64}$"},
	reflect.TypeFor[images.Platform](): {Type: "string"},
}

// short are the types that may be written as text, as in slipway.yaml.
var short = map[reflect.Type]bool{
	reflect.TypeFor[config.GitHubRelease](): true, reflect.TypeFor[config.GitLabRelease](): true, reflect.TypeFor[config.S3Bucket](): true,
}

// of returns the schema of the values of a type.
func (m *schemaMaker) of(typ reflect.Type) *jsonschema.Schema {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if s := texts[typ]; s != nil {
		return s.CloneSchemas()
	}
	if (typ.Implements(reflect.TypeFor[json.Marshaler]()) || typ.Implements(reflect.TypeFor[encoding.TextMarshaler]())) && !short[typ] {
		m.t.Fatalf("%s writes itself: add it to texts", typ)
	}
	switch typ.Kind() {
	case reflect.String:
		return &jsonschema.Schema{Type: "string"}
	case reflect.Bool:
		return &jsonschema.Schema{Type: "boolean"}
	case reflect.Int, reflect.Int64:
		return &jsonschema.Schema{Type: "integer"}
	case reflect.Float64:
		return &jsonschema.Schema{Type: "number"}
	case reflect.Slice:
		return &jsonschema.Schema{Types: []string{"array", "null"}, Items: m.of(typ.Elem())}
	case reflect.Map:
		return &jsonschema.Schema{Types: []string{"object", "null"}, AdditionalProperties: m.of(typ.Elem())}
	case reflect.Struct:
		name := cmp.Or(typ.Name(), "struct")
		if other := m.types[name]; other == nil {
			m.types[name] = typ
			m.defs[name] = m.object(typ)
		} else if other != typ {
			m.t.Fatalf("%s and %s have the same name", other, typ)
		}
		ref := &jsonschema.Schema{Ref: "#/$defs/" + name}
		if short[typ] {
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, ref}}
		}
		return ref
	}
	m.t.Fatalf("no schema for a %s", typ)
	return nil
}

// object returns the schema of a struct. Unknown members are allowed, since later versions may add some.
func (m *schemaMaker) object(typ reflect.Type) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}}
	var add func(typ reflect.Type)
	add = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous && name == "" {
				if f.Type.Kind() == reflect.Pointer {
					f.Type = f.Type.Elem()
				}
				add(f.Type)
				continue
			}
			if name == "-" || !f.IsExported() {
				continue
			}
			name = cmp.Or(name, f.Name)
			value := m.of(f.Type)
			if options == "" {
				s.Required = append(s.Required, name)
			} else if len(value.Types) == 2 {
				value.Type, value.Types = value.Types[0], nil // empty values are omitted, and never null
			}
			value.Description = cmp.Or(f.Tag.Get("doc"), m.comment(typ, f.Name))
			s.Properties[name], s.PropertyOrder = value, append(s.PropertyOrder, name)
		}
	}
	add(typ)
	return s
}

var (
	goName = regexp.MustCompile(`(the )?\b[A-Z][A-Za-z]+\b`) // not the Windows version
	goLink = regexp.MustCompile(`; see [A-Za-z]+\.[A-Z].*`)
)

// comment returns the comment of a field, with the names of fields replaced by their JSON names.
func (m *schemaMaker) comment(typ reflect.Type, field string) string {
	path := strings.TrimPrefix(typ.PkgPath(), "github.com/slipway-build/slipway/")
	if m.comments[path] == nil {
		m.comments[path] = map[string]string{}
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(path), "*.go"))
		if err != nil {
			m.t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				m.t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				spec, isType := n.(*ast.TypeSpec)
				if !isType {
					return true
				}
				fields, isStruct := spec.Type.(*ast.StructType)
				if !isStruct {
					return false
				}
				for _, f := range fields.Fields.List {
					text := cmp.Or(f.Doc.Text(), f.Comment.Text())
					for _, name := range f.Names {
						m.comments[path][spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(text), " ")
					}
				}
				return false
			})
		}
	}
	text := goName.ReplaceAllStringFunc(m.comments[path][typ.Name()+"."+field], func(word string) string {
		if f, ok := typ.FieldByName(word); ok {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
				return name
			}
		}
		return word
	})
	return strings.TrimSuffix(goLink.ReplaceAllString(text, ""), ".")
}
