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

// docs/configuration.md and the JSON schema are generated from the same struct tags.
func TestReferenceIsCommitted(t *testing.T) {
	var b strings.Builder
	b.WriteString("# slipway.yaml\n\n" +
		"This page lists every key of slipway.yaml. [slipway.schema.json](slipway.schema.json) contains the same for editors\n" +
		"(`slipway schema` prints that of the version in use), and [slipway.yaml](../slipway.yaml) is an example that uses most\n" +
		"keys. The page is generated from the source by `go test ./build/config -run Reference -update`.\n\n" +
		"Paths are relative to slipway.yaml and must stay in its folder, unless `outside` names other folders. The paths in\n" +
		"`registries` and `publish` may be anywhere on the machine. Separate folders by `/`, on Windows too.\n\n" +
		"Keys that begin with `x-` are ignored, in the file and in all mappings of the tables below except in those whose keys\n" +
		"are names, such as `vars`. They hold values for anchors, aliases and merge keys:\n\n" +
		"```yaml\nx-linux: &linux {platforms: [linux/amd64, linux/arm64], ldflags: [-s -w]}\nbinaries:\n" +
		"  - {<<: *linux, name: acme, package: ./cmd/acme}\n" +
		"  - {<<: *linux, name: acmectl, package: ./cmd/acmectl, ldflags: [-s]}\n```\n\n" +
		"## Variables\n\n" +
		"Values may contain `${NAME}` and `${NAME:-default}`; `$$` is a literal dollar sign. In a list on one line, such as\n" +
		"`[a, \"-X b=${TAG}\"]`, quote values that contain `${…}`.\n\n" +
		"Defined everywhere are " + code(slices.DeleteFunc(slices.Clone(releaseVariables), isOfCommit)) + ",\n" +
		"the variables that `vars` declares and, unless it declares them, those of the commit:\n" +
		"`SHORT_COMMIT` (8 digits), `REVISION` (with `.dirty` if a tracked file differs from it), `DIRTY` (`-dirty` or empty),\n" +
		"`DATE` (RFC 3339, UTC, of SOURCE_DATE_EPOCH or the commit), `BRANCH` (empty if none is checked out),\n" +
		"`PRERELEASE` (`rc1` of `v1.2.3-rc1`, else empty) and `PREVIOUS_TAG` (the nearest earlier git tag that is a version).\n" +
		"A condition compares them, such as `${ARCH} != \"arm64\" && !${DEBUG}`; see [conditions.md](conditions.md). Keys marked with scopes also define the variables of the platform being built:\n\n")
	for _, scope := range []string{"platform", "windows", "name", "list", "format", "artifact"} {
		fmt.Fprintf(&b, "- **%s**: %s\n", scope, code(scopes[scope]))
	}
	sections := map[reflect.Type]string{} // the path of the first mapping of a type, which has the section
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
			if elem.Kind() == reflect.Struct && !isScalar(elem) && alternative(elem) == "" {
				first, known := sections[elem]
				if !known {
					first, sections[elem] = at, at
					later = append(later, below{at, elem})
				}
				value += ", see [" + first + "](#" + anchor(first) + ")"
			}
			doc := f.doc
			if f.required {
				doc += "; **required**"
			}
			expand := f.expand
			if alternative(elem) != "" && fieldsOf(elem)[0].inherit == "" {
				expand = fieldsOf(elem)[0].expand
			}
			if expand != "" {
				doc += "; scopes: " + strings.Join(strings.Fields(expand), ", ")
			}
			doc = strings.ReplaceAll(doc, "<", "&lt;")
			if f.example != "" {
				doc += "; example: `" + f.example + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.key, value, strings.ReplaceAll(doc, "|", `\|`))
		}
		for _, l := range later {
			section(l.path, l.typ)
		}
	}
	section("", reflect.TypeFor[Config]())
	golden.EqualFile(t, filepath.Join("..", "..", "docs", "configuration.md"), []byte(b.String()))
}

func isOfCommit(name string) bool { return slices.Contains(commitVariables, name) }

func code(words []string) string {
	sorted := slices.Clone(words)
	return "`" + strings.Join(sorted, "`, `") + "`"
}

// anchor returns the anchor that Markdown gives a heading.
func anchor(title string) string { return strings.ToLower(strings.ReplaceAll(title, ".", "")) }

// alternative returns the mapping form of an entry with a condition that may also be written as text, and else "".
func alternative(t reflect.Type) string {
	if t.Kind() != reflect.Struct || isScalar(t) {
		return ""
	}
	fields := fieldsOf(t)
	if len(fields) != 2 || !fields[0].short || fields[1].key != "when" {
		return ""
	}
	return "`{" + fields[0].key + ", when}`"
}

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
	case typ == conditionType:
		return "condition"
	case typ == envNameType:
		return "`${NAME}`"
	case typ.Kind() == reflect.Slice && typ.Elem() == platformType:
		return "list of platforms"
	case isOneOrMore(typ):
		return "text, or list of text or " + alternative(typ.Elem())
	case typ.Kind() == reflect.Slice && alternative(typ.Elem()) != "":
		return "list of text or " + alternative(typ.Elem()) + words
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
