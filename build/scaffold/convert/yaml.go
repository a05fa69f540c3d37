package convert

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// An at is a value and its line in the file.
type at[T any] struct {
	line  int
	value T
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (a *at[T]) UnmarshalYAML(node *yaml.Node) error {
	a.line = node.Line
	return node.Decode(&a.value)
}

// A list is text or a list of texts.
type list []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (l *list) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*l = list{node.Value}
		return nil
	}
	for _, item := range node.Content {
		if item.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: want text or a list of texts", item.Line)
		}
		*l = append(*l, item.Value)
	}
	return nil
}

// or returns the list or, if it is empty, others.
func (l list) or(others ...string) []string {
	if len(l) > 0 {
		return l
	}
	return others
}

// readYAML reads a YAML file of the tree into value, and adds a leftover for each key that is not converted.
func (c *Conversion) readYAML(t *survey.Tree, keys []tableKey, value any) error {
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(t.Text(c.File)), &node); err != nil {
		return fmt.Errorf("reading %s: %w", c.File, err)
	}
	if len(node.Content) == 0 {
		return nil // empty
	}
	if err := node.Decode(value); err != nil {
		return fmt.Errorf("reading %s: %w", c.File, err)
	}
	known := map[string]tableKey{}
	for _, k := range keys {
		known[k.Name] = k
	}
	c.unconverted(node.Content[0], "", known)
	return nil
}

// unconverted adds a leftover for each key below node that is not converted.
func (c *Conversion) unconverted(node *yaml.Node, path string, known map[string]tableKey) {
	switch node.Kind {
	case yaml.SequenceNode:
		for _, item := range node.Content {
			c.unconverted(item, path+"[]", known)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			name := strings.TrimPrefix(path+"."+node.Content[i].Value, ".")
			k, ok := known[name]
			switch {
			case !ok:
				c.leave(node.Content[i].Line, name, noCounterpart)
			case k.Open:
				c.leave(node.Content[i].Line, name, k.Becomes)
			case !k.All:
				c.unconverted(node.Content[i+1], name, known)
			}
		}
	}
}

func (c *Conversion) leave(line int, key, why string) {
	c.Leftovers = append(c.Leftovers, draft.Leftover{Line: line, Key: key, Why: why})
}
