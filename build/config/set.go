package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/internal/suggest"
)

// set applies texts NAME=VALUE and KEY=VALUE of the command line, in order. It returns the values of variables; values
// of keys change the nodes of the file. A KEY is a path such as airgap.level or images.runtime.builder.
func (d *decoder) set(root *yaml.Node, texts []string) map[string]string {
	variables := map[string]string{}
	declared := d.keysIn(root, "vars")
	for _, text := range texts {
		at := Position{File: "--set " + text}
		name, value, ok := strings.Cut(text, "=")
		path := strings.Split(name, ".")
		switch {
		case !ok || slices.Contains(path, ""):
			d.problems.add(at, "want NAME=VALUE, of a variable or a key such as airgap.level")
		case slices.Contains(declared, name):
			variables[name] = value
		case len(path) > 1 || slices.ContainsFunc(fieldsOf(reflect.TypeFor[Config]()), func(f structField) bool { return f.key == name }):
			if err := d.setKey(root, path, value, at); err != nil {
				d.problems.add(at, "%v", err)
			}
		case slices.Contains([]string{"TAG", "REGISTRY", "REPO"}, name):
			d.problems.add(at, "%s is set in the environment: %s slipway …", name, text)
		case slices.Contains(releaseVariables, name), slices.Contains(platformVariables(), name):
			d.problems.add(at, "%s is built in and cannot be set", name)
		default:
			want := "vars of " + d.file + " declares none"
			if len(declared) > 0 {
				want = "want one that vars of " + d.file + " declares (" + strings.Join(declared, ", ") + ")"
			}
			d.problems.add(at, "unknown variable %s%s: %s, or a key such as registry or airgap.level", name, suggest.DidYouMean(name, declared), want)
		}
	}
	return variables
}

// keysIn returns the keys of a mapping of the file, sorted.
func (d *decoder) keysIn(root *yaml.Node, key string) []string {
	silent := &decoder{file: d.file, problems: &problems{}, budget: maxValues}
	names := map[string]bool{}
	for _, p := range silent.pairs(root, field{}) {
		if value := resolveAlias(p.value); p.name == key && value.Kind == yaml.MappingNode {
			for _, q := range silent.pairs(value, field{}) {
				names[q.name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// setKey sets the value at a path below a node. text is a value as in the file: text, or a list or mapping in [ ] or {
// }.
func (d *decoder) setKey(n *yaml.Node, path []string, text string, at Position) error {
	slot := &n
	for i, key := range path {
		*slot = unshared(*slot)
		next, err := d.child(*slot, key, at)
		if err != nil {
			return fmt.Errorf("%s: %w", strings.Join(path[:i], "."), err)
		}
		slot = next
	}
	value, err := givenValue(text)
	if err != nil {
		return err
	}
	d.give(value, at)
	*slot = value
	return nil
}

// child returns the slot of a value: in a mapping that of the key, which is added if it is missing, or in a list that
// of the element with a name or index.
func (d *decoder) child(n *yaml.Node, key string, at Position) (**yaml.Node, error) {
	switch {
	case n.ShortTag() == "!!null":
		*n = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line, Column: n.Column}
	case n.Kind == yaml.SequenceNode:
		return element(n, key)
	case n.Kind != yaml.MappingNode:
		return nil, fmt.Errorf("want keys or a list, found %s", describe(n))
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return &n.Content[i+1], nil
		}
	}
	value := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	silent := &decoder{file: d.file, problems: &problems{}, budget: maxValues}
	for _, p := range silent.pairs(n, field{}) {
		if p.name == key { // of a merge key, so it is shared
			value = clone(resolveAlias(p.value))
		}
	}
	name := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}
	d.give(name, at)
	n.Content = append(n.Content, name, value)
	return &n.Content[len(n.Content)-1], nil
}

// element returns the slot of the element of a list with a name or an index.
func element(list *yaml.Node, key string) (**yaml.Node, error) {
	var names []string
	silent := &decoder{problems: &problems{}, budget: maxValues}
	for i := range list.Content {
		if e := resolveAlias(list.Content[i]); e.Kind == yaml.MappingNode {
			for _, p := range silent.pairs(e, field{}) {
				if p.name == "name" && p.value.Value == key {
					return &list.Content[i], nil
				} else if p.name == "name" {
					names = append(names, p.value.Value)
				}
			}
		}
	}
	if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(list.Content) {
		return &list.Content[i], nil
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("no element %s%s: want %s, or a number from 0 to %d", key, suggest.DidYouMean(key, names), strings.Join(names, ", "), len(list.Content)-1)
	}
	return nil, fmt.Errorf("no element %s in a list of %d: want a number from 0", key, len(list.Content))
}

// unshared returns a copy of a node if aliases may refer to it.
func unshared(n *yaml.Node) *yaml.Node {
	if n = resolveAlias(n); n.Anchor != "" {
		return clone(n)
	}
	return n
}

func clone(n *yaml.Node) *yaml.Node {
	c := *n
	c.Anchor, c.Content = "", nil
	for _, child := range n.Content {
		c.Content = append(c.Content, clone(child))
	}
	return &c
}

// givenValue parses a value of the command line.
func givenValue(text string) (*yaml.Node, error) {
	if strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{") {
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(text), &document); err != nil {
			return nil, fmt.Errorf("%q: %w", text, err)
		}
		return document.Content[0], nil
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	if _, err := strconv.Atoi(text); err == nil {
		n.Tag = "!!int"
	} else if text == "true" || text == "false" {
		n.Tag = "!!bool"
	}
	return n, nil
}

// give records that nodes come from the command line.
func (d *decoder) give(n *yaml.Node, at Position) {
	d.given[n] = at
	for _, child := range n.Content {
		d.give(child, at)
	}
}
