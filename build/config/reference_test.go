package config

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/golden"
)

// The reference of slipway.yaml is made from the tags that the schema is made from.
func TestReferenceIsCommitted(t *testing.T) {
	var b strings.Builder
	b.WriteString("# slipway.yaml\n\n" +
		"Every key of the configuration; [slipway.schema.json](slipway.schema.json) says the same to editors, and [slipway.yaml](../slipway.yaml)\n" +
		"is an example of most. Paths are relative to the file, and stay in its folder unless `outside` names others; those of\n" +
		"`registries` and `publish` are of the machine. This page is\n" +
		"made from the source by `go test ./build -run Reference -update`.\n\n" +
		"Values may hold `${NAME}` and `${NAME:-default}`; `$$` is a dollar. In a list in one line, such as `[a, \"-X b=${TAG}\"]`, a value\n" +
		"with `${…}` needs quotes. Known everywhere are " + code(releaseVariables) + " and what `vars` declares. Keys marked\n" +
		"with scopes also know, of the platform that is made:\n\n")
	for _, scope := range []string{"platform", "windows", "name", "list", "arch"} {
		fmt.Fprintf(&b, "- **%s**: %s\n", scope, code(scopes[scope]))
	}
	var section func(path string, typ reflect.Type)
	section = func(path string, typ reflect.Type) {
		title := path
		if path == "" {
			title = "Top level"
		}
		fmt.Fprintf(&b, "\n## %s\n\n| key | value | meaning |\n|---|---|---|\n", title)
		type below struct {
			path string
			typ  reflect.Type
		}
		var later []below
		for _, f := range fieldsOf(typ) {
			at, elem := strings.TrimPrefix(path+"."+f.key, "."), f.typ
			value := kindOf(f)
			for elem.Kind() == reflect.Pointer || elem.Kind() == reflect.Slice || elem.Kind() == reflect.Map {
				elem = elem.Elem()
			}
			if elem.Kind() == reflect.Struct && elem != platformType {
				value += ", see [" + at + "](#" + anchor(at) + ")"
				later = append(later, below{at, elem})
			}
			doc := f.doc
			if f.required {
				doc += "; **required**"
			}
			if f.expand != "" {
				doc += "; scopes: " + strings.Join(strings.Fields(f.expand), ", ")
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.key, value, strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(doc))
		}
		for _, l := range later {
			section(l.path, l.typ)
		}
	}
	section("", reflect.TypeFor[Config]())
	golden.EqualFile(t, filepath.Join("..", "..", "docs", "configuration.md"), []byte(b.String()))
}

func code(words []string) string {
	sorted := slices.Clone(words)
	return "`" + strings.Join(sorted, "`, `") + "`"
}

// anchor is what Markdown calls a heading.
func anchor(title string) string { return strings.ToLower(strings.ReplaceAll(title, ".", "")) }

func kindOf(f structField) string {
	words := ""
	if f.enum != nil {
		words = ": " + code(f.enum)
	}
	typ := f.typ
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ == platformType:
		return "platform"
	case typ.Kind() == reflect.Slice && typ.Elem() == platformType:
		return "list of platforms"
	case typ.Kind() == reflect.Slice:
		return "list" + words
	case typ.Kind() == reflect.Map && f.keys != nil:
		return "mapping of " + code(f.keys)
	case typ.Kind() == reflect.Map, typ.Kind() == reflect.Struct:
		return "mapping"
	case typ.Kind() == reflect.Bool:
		return "true or false"
	case typ.Kind() == reflect.Int:
		return "number"
	}
	return "text" + words
}
