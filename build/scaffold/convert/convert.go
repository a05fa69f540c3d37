package convert

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
	"github.com/slipway-build/slipway/internal/usage"
)

// A Conversion is what the file of another tool says in terms of slipway.yaml. What it does not say is empty.
type Conversion struct {
	Tool, File string
	Project    string
	Platforms  []string
	Binaries   []*draft.Binary // Name may be empty: that of the project
	Images     []*Image
	Bundles    []draft.Bundle
	Names      map[string]string // keys of names
	Before     []string          // shell commands
	GitHub     string            // owner/name
	Env        []string          // environment variables that values refer to
	Leftovers  []draft.Leftover
}

// An Image is an image of another tool's file: one variant, whose arguments and platforms are those of the file.
type Image struct {
	draft.Image
	Refs   []string // references without tags
	Extra  []string // files beside the binary
	Staged bool     // the context has the binaries and Extra alone
}

func (c *Conversion) leave(line int, key, why string) {
	c.Leftovers = append(c.Leftovers, draft.Leftover{Line: line, Key: key, Why: why})
}

// unconverted adds a leftover for each key below node that is not in known. known maps a key, such as builds[].env, to ""
// if it is converted, or else to what becomes of it. A key that ends with ".*" stands for all below.
func (c *Conversion) unconverted(node *yaml.Node, path string, known map[string]string) {
	switch node.Kind {
	case yaml.SequenceNode:
		for _, item := range node.Content {
			c.unconverted(item, path+"[]", known)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			full := strings.TrimPrefix(path+"."+key.Value, ".")
			why, ok := known[full]
			switch {
			case ok && why != "":
				c.leave(key.Line, full, why)
			case ok:
				if _, all := known[full+".*"]; !all {
					c.unconverted(value, full, known)
				}
			default:
				c.leave(key.Line, full, "no counterpart")
			}
		}
	}
}

// value translates the templates in text. If it cannot, it adds a leftover and returns "".
func (c *Conversion) value(line int, key, text string) string {
	value, env, ok := translate(text)
	if !ok {
		c.leave(line, key, "the template "+text)
		return ""
	}
	c.Env = survey.AppendNew(c.Env, env...)
	return value
}

// readYAML reads a YAML file of the tree as a node and into value.
func readYAML(t *survey.Tree, file string, value any) (*yaml.Node, error) {
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(t.Text(file)), &node); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	if len(node.Content) == 0 {
		return &node, nil
	}
	if err := node.Decode(value); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return node.Content[0], nil
}

// A converter finds and reads the file of one tool.
type converter struct {
	tool  string
	files []string
	read  func(t *survey.Tree, file string) (*Conversion, error)
}

// converters are the tools whose files are read, the most telling first.
var converters = []converter{
	{"goreleaser", []string{".goreleaser.yaml", ".goreleaser.yml", "goreleaser.yaml", "goreleaser.yml", ".config/goreleaser.yaml", ".config/goreleaser.yml"}, readGoreleaser},
	{"promu", []string{".promu.yml", ".promu.yaml"}, readPromu},
	{"ko", []string{".ko.yaml", ".ko.yml"}, readKo},
}

// Tools are the tools whose files can be converted.
func Tools() []string {
	var tools []string
	for _, c := range converters {
		tools = append(tools, c.tool)
	}
	return tools
}

// Find converts the file of a tool, which must exist, or with an empty tool that of the first tool that has one; nil if none
// has.
func Find(t *survey.Tree, tool string) (*Conversion, error) {
	for _, c := range converters {
		if tool != "" && c.tool != tool {
			continue
		}
		if i := slices.IndexFunc(c.files, t.IsFile); i >= 0 {
			return c.read(t, c.files[i])
		}
		if tool != "" {
			return nil, usage.Errorf("converting the file of %s: %s has none of %s", tool, t.Root, strings.Join(c.files, ", "))
		}
	}
	if tool != "" {
		return nil, usage.Errorf("converting the file of %q: unknown tool: want %s", tool, strings.Join(Tools(), ", "))
	}
	return nil, nil
}
