package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/suggest"
)

// A decoder converts YAML nodes to a Config. Unlike yaml.Node.Decode, it continues after an error, reports the position
// of each error, and expands variables. Where text is expected, it keeps numbers as they are written, so that 1.20
// stays 1.20.
type decoder struct {
	file     string
	vars     *variables
	problems *problems
	// at maps each path to the position of its value, and keyAt to the position of its key.
	at, keyAt map[string]Position
	// unknown has the paths of texts and conditions with a variable whose own value has a problem.
	unknown map[string]bool
	// given has the positions of nodes from the command line.
	given map[*yaml.Node]Position
	// budget is the number of values that may still be decoded. Nested aliases can expand a small file to billions of
	// values.
	budget int
}

// maxValues is far more than a release needs.
const maxValues = 100_000

// A field contains the settings from the struct tags of a value.
type field struct {
	path   string
	enum   []string
	keys   []string
	expand string
	linked bool
}

// sub returns the field of an element or a key of f.
func (f field) sub(path string) field { f.path = path; f.keys = nil; return f }

var (
	platformType  = reflect.TypeFor[v1.Platform]()
	positionType  = reflect.TypeFor[Position]()
	conditionType = reflect.TypeFor[expression.Condition]()
	namingType    = reflect.TypeFor[Naming]()
	optionsType   = reflect.TypeFor[Options]()
	addressesType = reflect.TypeFor[Addresses]()
)

// isOneOrMore reports whether, in the file, one element may replace the list.
func isOneOrMore(t reflect.Type) bool {
	return t == namingType || t == optionsType || t == addressesType
}

// value decodes n into out.
func (d *decoder) value(n *yaml.Node, out reflect.Value, f field) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if d.budget--; d.budget <= 0 {
		if d.budget == 0 {
			d.wrong(n, "the file has more than %d values once its aliases are expanded", maxValues)
		}
		return
	}
	d.at[f.path] = d.position(n)
	if tag := n.ShortTag(); !slices.Contains([]string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!map", "!!seq", "!!merge"}, tag) {
		advice := ""
		if out.Type() == conditionType {
			advice = ": YAML takes ! at the beginning for a tag; put the condition into quotes"
		}
		d.wrong(n, "%s: unknown tag %s%s", f.path, tag, advice)
		return
	}
	switch {
	case out.Type() == platformType:
		d.platform(n, out, f)
	case out.Type() == conditionType:
		d.condition(n, out, f)
	case out.Type() == envNameType:
		d.envName(n, out, f)
	case out.Kind() == reflect.Pointer:
		out.Set(reflect.New(out.Type().Elem()))
		d.value(n, out.Elem(), f)
	case out.Kind() == reflect.String:
		if text, ok := d.text(n, f); ok {
			out.SetString(text)
		}
	case out.Kind() == reflect.Bool:
		d.bool(n, out, f)
	case out.Kind() == reflect.Int:
		d.int(n, out, f)
	case isOneOrMore(out.Type()) && n.Kind != yaml.SequenceNode && n.ShortTag() != "!!null":
		out.Set(reflect.MakeSlice(out.Type(), 1, 1))
		d.value(n, out.Index(0), f)
	case out.Kind() == reflect.Slice:
		d.list(n, out, f)
	case out.Kind() == reflect.Map:
		d.mapping(n, out, f)
	case out.Kind() == reflect.Struct:
		d.record(n, out, f)
	default:
		panic(fmt.Sprintf("%s: no way to decode a %s", f.path, out.Type()))
	}
}

// text returns the expanded text of a scalar.
func (d *decoder) text(n *yaml.Node, f field) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.wrong(n, "%s: want text, found %s", f.path, describe(n))
		return "", false
	case n.ShortTag() == "!!null":
		d.wrong(n, "%s has no value: add one, or remove the key", f.path)
		return "", false
	}
	value, ok := d.vars.expand(n.Value, d.position(n), inScope(f.expand))
	if !ok {
		d.unknown[f.path] = true
		return "", false
	}
	if f.linked {
		d.vars.link(n.Value)
	}
	if f.expand != "" {
		return value.String(), true
	}
	text := value.Text()
	if f.enum != nil && !slices.Contains(f.enum, text) {
		d.wrong(n, "%s %q: want %s%s", f.path, text, alternatives(f.enum), suggest.DidYouMean(text, f.enum))
		return "", false
	}
	return text, true
}

func (d *decoder) platform(n *yaml.Node, out reflect.Value, f field) {
	text, ok := d.text(n, f)
	if !ok {
		return
	}
	p, err := images.ParsePlatform(text)
	if err != nil {
		d.wrong(n, "%s: %v", f.path, err)
		return
	}
	if p.OSVersion != "" || len(p.OSFeatures) > 0 {
		d.wrong(n, "%s: platform %q: state the os.version under windows; the platform means all Windows versions", f.path, text)
		return
	}
	out.Set(reflect.ValueOf(p))
}

func (d *decoder) bool(n *yaml.Node, out reflect.Value, f field) {
	text, expanded, ok := d.plain(n, f, "!!bool", "true or false")
	if !ok {
		return
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		d.wrong(n, "%s: want true or false, found %q%s", f.path, text, expanded)
		return
	}
	out.SetBool(b)
}

func (d *decoder) int(n *yaml.Node, out reflect.Value, f field) {
	text, expanded, ok := d.plain(n, f, "!!int", "a whole number")
	if !ok {
		return
	}
	i, err := strconv.Atoi(text)
	if err != nil {
		d.wrong(n, "%s: want a whole number, found %q%s", f.path, text, expanded)
		return
	}
	out.SetInt(int64(i))
}

// plain returns the text of a scalar that has the given tag, or that contains variables. With variables, expanded is
// the end of a message with the text before its expansion.
func (d *decoder) plain(n *yaml.Node, f field, tag, want string) (text, expanded string, ok bool) {
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "$") {
		text, ok = d.text(n, f)
		return text, fmt.Sprintf(" (from %q)", n.Value), ok
	}
	if n.ShortTag() != tag {
		d.wrong(n, "%s: want %s, found %s", f.path, want, describe(n))
		return "", "", false
	}
	return n.Value, "", true
}

func (d *decoder) list(n *yaml.Node, out reflect.Value, f field) {
	switch {
	case n.ShortTag() == "!!null": // all keys below it are commented out
		return
	case n.Kind != yaml.SequenceNode:
		d.wrong(n, "%s: want a list, such as [a, b], found %s", f.path, describe(n))
		return
	}
	list := reflect.MakeSlice(out.Type(), len(n.Content), len(n.Content))
	for i, element := range n.Content {
		d.value(element, list.Index(i), f.sub(fmt.Sprintf("%s[%d]", f.path, i)))
	}
	out.Set(list)
}

func (d *decoder) mapping(n *yaml.Node, out reflect.Value, f field) {
	m := reflect.MakeMap(out.Type())
	for _, p := range d.pairs(n, f) {
		path := f.path + "." + p.name
		d.keyAt[path] = d.position(p.key)
		if f.keys != nil && !slices.Contains(f.keys, p.name) {
			d.wrong(p.key, "unknown key %q in %s%s; known here: %s", p.name, f.path, suggest.DidYouMean(p.name, f.keys), strings.Join(f.keys, ", "))
			continue
		}
		value := reflect.New(out.Type().Elem()).Elem()
		d.value(p.value, value, f.sub(path))
		m.SetMapIndex(reflect.ValueOf(p.name), value)
	}
	out.Set(m)
}

// record decodes a mapping into a struct.
func (d *decoder) record(n *yaml.Node, out reflect.Value, f field) {
	if n.ShortTag() == "!!null" && f.path != "" && !strings.HasSuffix(f.path, "]") {
		return
	}
	fields := fieldsOf(out.Type())
	if i := slices.IndexFunc(fields, func(sf structField) bool { return sf.short }); i >= 0 && n.Kind == yaml.ScalarNode {
		d.value(n, out.FieldByIndex(fields[i].index), fields[i].at(f.path, f))
		d.place(n, out)
		return
	}
	if n.Kind != yaml.MappingNode {
		d.wrong(n, "%s: want keys and values, found %s", named(f.path), describe(n))
		return
	}
	var known []string
	for _, sf := range fields {
		known = append(known, sf.key)
	}
	seen := map[string]bool{}
	for _, p := range d.pairs(n, f) {
		path := strings.TrimPrefix(f.path+"."+p.name, ".")
		seen[p.name] = true
		d.keyAt[path] = d.position(p.key)
		i := slices.Index(known, p.name)
		switch {
		case i < 0 && isExtension(p.name):
			continue
		case i < 0:
			d.wrong(p.key, "unknown key %q in %s%s; known here: %s", p.name, named(f.path), suggest.DidYouMean(p.name, known), strings.Join(known, ", "))
			continue
		}
		sf := fields[i]
		before := len(d.problems.list)
		value := out.FieldByIndex(sf.index)
		d.value(p.value, value, sf.at(path, f))
		if sf.required && !sf.guarded && isEmpty(value) && len(d.problems.list) == before && !d.unknown[path] {
			d.wrong(p.value, "%s is empty: want %s", path, sf.doc)
		}
	}
	for _, sf := range fields {
		if sf.required && !seen[sf.key] {
			d.wrong(n, "%s: missing key %q: %s", named(f.path), sf.key, sf.doc)
		}
	}
	d.place(n, out)
}

// isExtension reports whether a key of a struct is ignored. Such keys contain values to which others refer.
func isExtension(key string) bool { return strings.HasPrefix(key, "x-") }

// place sets the Position of a struct, if it has one.
func (d *decoder) place(n *yaml.Node, out reflect.Value) {
	if p := out.FieldByName("Position"); p.IsValid() && p.Type() == positionType {
		p.Set(reflect.ValueOf(d.position(n)))
	}
}

func isEmpty(v reflect.Value) bool {
	return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
}

// A pair is a key of a mapping, and its value.
type pair struct {
	name       string
	key, value *yaml.Node
}

// pairs returns the keys and values of a mapping. Pairs of merge keys (<<) come last, and do not replace others.
func (d *decoder) pairs(n *yaml.Node, f field) []pair {
	switch {
	case n.ShortTag() == "!!null":
		return nil
	case n.Kind != yaml.MappingNode:
		d.wrong(n, "%s: want keys and values, found %s", named(f.path), describe(n))
		return nil
	}
	var (
		pairs  []pair
		merged []*yaml.Node
		first  = map[string]int{} // their lines; 0 for keys of the command line
	)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		line, known := first[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null":
			d.wrong(key, "%s: a key must be text, found %s", named(f.path), describe(key))
		case key.ShortTag() == "!!merge":
			merged = append(merged, value)
		case known:
			d.wrong(key, "%s: duplicate key %q, first in line %d", named(f.path), key.Value, line)
		default:
			first[key.Value] = key.Line
			pairs = append(pairs, pair{key.Value, key, value})
		}
	}
	for _, m := range merged {
		for _, p := range d.merge(m, f) {
			if _, known := first[p.name]; !known {
				first[p.name] = p.key.Line
				pairs = append(pairs, p)
			}
		}
	}
	return pairs
}

// merge returns the pairs of a merge key, which is a mapping or a list of mappings. Earlier mappings take precedence
// (https://yaml.org/type/merge.html).
func (d *decoder) merge(n *yaml.Node, f field) []pair {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if d.budget--; d.budget <= 0 { // a mapping that merges itself
		if d.budget == 0 {
			d.wrong(n, "the file has more than %d values once its aliases are expanded", maxValues)
		}
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return d.pairs(n, f)
	}
	var pairs []pair
	for _, element := range n.Content {
		pairs = append(pairs, d.merge(element, f)...)
	}
	return pairs
}

func (d *decoder) position(n *yaml.Node) Position {
	if at, ok := d.given[n]; ok {
		return at
	}
	return Position{d.file, n.Line, n.Column}
}

func (d *decoder) wrong(n *yaml.Node, format string, args ...any) {
	d.problems.add(d.position(n), format, args...)
}

// A structField is a key of a struct, or of a struct that is embedded in it.
type structField struct {
	index    []int
	key, doc string
	example  string
	enum     []string
	pattern  string
	keys     []string
	expand   string
	required bool
	guarded  bool
	linked   bool
	short    bool
	inherit  string
	typ      reflect.Type
}

// at returns the field of the value at path, in a struct whose own field is outer.
func (sf structField) at(path string, outer field) field {
	f := field{path: path, enum: sf.enum, keys: sf.keys, expand: sf.expand, linked: sf.linked}
	switch sf.inherit {
	case "enum":
		f.enum = outer.enum
	case "expand":
		f.expand = outer.expand
	}
	return f
}

// fieldsOf returns the fields of a struct, from the struct tags that the package documents.
func fieldsOf(t reflect.Type) []structField {
	var fields []structField
	for _, f := range reflect.VisibleFields(t) {
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "-" || options == "inline" || f.Type == positionType {
			continue
		}
		fields = append(fields, structField{
			index: f.Index, key: key, doc: f.Tag.Get("doc"), example: f.Tag.Get("example"), typ: f.Type,
			enum: words(f.Tag.Get("enum")), pattern: f.Tag.Get("pattern"), keys: words(f.Tag.Get("keys")),
			expand: f.Tag.Get("expand"), required: f.Tag.Get("required") != "", guarded: f.Tag.Get("required") == "guarded", linked: f.Tag.Get("linked") == "true",
			short: f.Tag.Get("short") == "true", inherit: f.Tag.Get("inherit"),
		})
	}
	return fields
}

// words is strings.Fields, but returns nil for "".
func words(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Fields(s)
}

// named returns a path for messages, or slipway.yaml for the whole file.
func named(path string) string {
	if path == "" {
		return "slipway.yaml"
	}
	return path
}

// alternatives formats words as "a, b or c".
func alternatives(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// describe returns the kind of a node, for messages.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "keys and values"
	case n.ShortTag() == "!!null":
		return "nothing"
	case n.ShortTag() == "!!int", n.ShortTag() == "!!float":
		return "the number " + n.Value
	case n.ShortTag() == "!!bool":
		return n.Value
	}
	return fmt.Sprintf("the text %q", n.Value)
}
