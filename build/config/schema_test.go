package config

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/internal/golden"
	"github.com/slipway-build/slipway/internal/testfile"
)

func TestSchemaIsCommitted(t *testing.T) {
	got, err := makeSchema()
	if err != nil {
		t.Fatal(err)
	}
	golden.EqualFile(t, filepath.Join("..", "..", "docs", "slipway.schema.json"), got)
}

// TestSchemaAgreesWithLoad checks that the schema accepts every file that Load accepts, and refuses
// files of a wrong form.
func TestSchemaAgreesWithLoad(t *testing.T) {
	data, err := makeSchema()
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	refused := []string{"unknown_keys", "wrong_types", "missing_keys", "enums_wrong", "not_a_mapping"}
	files, err := filepath.Glob("testdata/load/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	agreed := map[bool]int{}
	for _, file := range files {
		archive := testfile.ReadArchive(t, file)
		accepted := false
		for _, f := range archive.Files {
			if f.Name == "want" {
				accepted = strings.HasPrefix(string(f.Data), "ok\n")
			}
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		for _, f := range archive.Files {
			var value any
			if f.Name != FileName || yaml.Unmarshal(f.Data, &value) != nil {
				continue
			}
			err := resolved.Validate(jsonValue(value))
			switch {
			case accepted && err != nil:
				t.Errorf("%s: Load accepts it, the schema does not: %v", name, err)
			case !accepted && err == nil && strings.Contains(strings.Join(refused, " "), name):
				t.Errorf("%s: Load refuses its form, but the schema does not", name)
			default:
				agreed[err == nil]++
			}
		}
	}
	if agreed[true] < 3 || agreed[false] < 3 {
		t.Errorf("too few files: %v", agreed)
	}
}

// jsonValue converts the keys of mappings to those of JSON.
func jsonValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = jsonValue(e)
		}
	case map[any]any:
		out := map[string]any{}
		for k, e := range v {
			out[fmt.Sprint(k)] = jsonValue(e)
		}
		return out
	case time.Time: // text to Load, and to YAML 1.2, which editors read
		return v.String()
	case []any:
		for i, e := range v {
			v[i] = jsonValue(e)
		}
	}
	return v
}

// TestEveryKeyIsDocumented checks that all keys have a doc tag, for the schema and the messages.
func TestEveryKeyIsDocumented(t *testing.T) {
	var visit func(path string, typ reflect.Type)
	visit = func(path string, typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			visit(path, typ.Elem())
		case reflect.Struct:
			if isScalar(typ) {
				return
			}
			for _, f := range fieldsOf(typ) {
				if f.doc == "" {
					t.Errorf("%s.%s has no doc tag", path, f.key)
				}
				for _, scope := range strings.Fields(f.expand) {
					if scopes[scope] == nil {
						t.Errorf("%s.%s: unknown scope %q", path, f.key, scope)
					}
				}
				visit(path+"."+f.key, f.typ)
			}
		}
	}
	visit("", reflect.TypeFor[Config]())
}
