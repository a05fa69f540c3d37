package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/build/version"
	"github.com/slipway-build/slipway/internal/regular"
)

// FileName is the name of the configuration file.
const FileName = "slipway.yaml"

// SchemaURL is where editors find the schema of slipway.yaml, docs/slipway.schema.json.
const SchemaURL = "https://raw.githubusercontent.com/slipway-build/slipway/main/docs/slipway.schema.json"

// Find returns the path of the slipway.yaml in dir, or in the nearest folder above that has one.
func Find(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", FileName, err)
	}
	var looked []string
	for path := dir; ; path, abs = filepath.Join(path, ".."), filepath.Dir(abs) {
		if file, err := fileIn(path); file != "" || err != nil {
			return file, err
		}
		looked = append(looked, abs)
		if filepath.Dir(abs) == abs {
			advice := "go to a project's folder, name the file with --config, or write one with slipway init"
			if near := nearby(looked); near != "" {
				advice = near + " exists: rename it, or name it with --config"
			}
			return "", &problem{Position{File: FileName}, fmt.Sprintf("not found in %s: %s", strings.Join(looked, ", "), advice)}
		}
	}
}

// fileIn returns the path of the slipway.yaml in dir, or "".
func fileIn(dir string) (string, error) {
	file := filepath.Join(dir, FileName)
	info, err := os.Stat(file)
	switch {
	case err == nil && !info.IsDir():
		return file, nil // Load reports a named pipe
	case err == nil:
		return "", &problem{Position{File: file}, "a folder, not a file"}
	case !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("looking for %s: %w", FileName, err)
	}
	return "", nil
}

// InFolder returns the path of the slipway.yaml in dir. It does not search the folders above, which belong to another
// project.
func InFolder(dir string) (string, error) {
	if file, err := fileIn(dir); file != "" || err != nil {
		return file, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("project %s: not a folder", dir)
	}
	advice := "name a folder that has one"
	if near := nearby([]string{dir}); near != "" {
		advice = near + " exists"
	}
	return "", fmt.Errorf("project %s: missing %s: %s", dir, FileName, advice)
}

// nearby returns a file that may be the intended configuration: one with a similar name in folders, or a slipway.yaml
// in a folder below the first of them. If it finds none, it returns "".
func nearby(folders []string) string {
	for _, folder := range folders {
		for _, name := range []string{"slipway.yml", ".slipway.yaml", ".slipway.yml", "Slipway.yaml"} {
			if info, err := os.Stat(filepath.Join(folder, name)); err == nil && info.Mode().IsRegular() {
				return filepath.Join(folder, name)
			}
		}
	}
	entries, err := os.ReadDir(folders[0])
	if err != nil {
		return ""
	}
	for _, e := range entries {
		file := filepath.Join(folders[0], e.Name(), FileName)
		if info, err := os.Stat(file); e.IsDir() && err == nil && info.Mode().IsRegular() {
			return file
		}
	}
	return ""
}

// Load reads and checks the configuration at path. env looks up environment variables. TAG, REGISTRY, REPO,
// SOURCE_DATE_EPOCH and those with the name of a variable of the file override the values of the file, unless they are
// empty. set contains texts NAME=VALUE, which override variables of the file and take precedence over the environment,
// and KEY=VALUE, which override other values of the file. Load runs git to find the version. The error joins one error
// for each problem, with file:line:column.
func Load(ctx context.Context, path string, env func(string) (string, bool), set ...string) (*Config, error) {
	data, err := regular.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	head, err := version.Read(ctx, dir)
	if err != nil {
		return nil, err
	}
	describe := func(prefix string, pattern *regexp.Regexp) (version.Description, error) {
		return version.Describe(ctx, dir, prefix, pattern)
	}
	return parse(data, path, dir, head, describe, env, set...)
}

// parse is Load for content that has been read. It reads only the files that the configuration refers to.
func parse(data []byte, path, dir string, head version.Head, describe describer, env func(string) (string, bool), set ...string) (*Config, error) {
	root, err := parseYAML(data, path)
	if err != nil {
		return nil, err
	}
	problems := &problems{}
	vars := &variables{
		env: env, head: head, describe: describe, problems: problems, file: path,
		fields: map[string]*yaml.Node{}, declared: map[string]*yaml.Node{}, values: map[string]variable{}, linked: map[string]string{}, environment: map[string]bool{},
	}
	d := &decoder{file: path, vars: vars, problems: problems, at: map[string]Position{}, keyAt: map[string]Position{}, given: map[*yaml.Node]Position{}, unknown: map[string]bool{}, budget: maxValues}
	vars.given = d.given
	vars.set = d.set(root, set)
	d.collect(root)

	config := &Config{File: path, Dir: dir}
	config.Release, _ = vars.resolveRelease()
	config.Untagged, config.Linked, config.Warnings = vars.untagged, vars.linked, vars.warnings
	d.value(root, reflect.ValueOf(config).Elem(), field{})
	for name := range config.Vars {
		if value, ok := vars.lookup(name); ok && !value.bad {
			config.Vars[name] = value.value.String()
		}
	}
	if d.budget > 0 { // otherwise aliases multiply every problem
		v := &validator{config: config, decoder: d}
		v.validate() // it also reads lists, which contain variables
	}
	config.Environment = slices.Sorted(maps.Keys(vars.environment))
	if err := problems.err(); err != nil {
		return nil, err
	}
	return config, nil
}

// collect finds the values on which variables depend, before anything is decoded. Values of the wrong type are left to
// the decoder.
func (d *decoder) collect(root *yaml.Node) {
	silent := &decoder{file: d.file, problems: &problems{}, unknown: map[string]bool{}, budget: maxValues}
	keys := map[string]*yaml.Node{}
	for _, p := range silent.pairs(root, field{}) {
		value := p.value
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		switch p.name {
		case "project", "registry", "repository":
			d.vars.fields[p.name] = value
		case "version":
			if value.Kind == yaml.MappingNode {
				for _, q := range silent.pairs(value, field{}) {
					d.vars.fields["version."+q.name] = resolveAlias(q.value)
				}
			}
		case "vars":
			if value.Kind == yaml.MappingNode {
				for _, q := range silent.pairs(value, field{}) {
					d.vars.declared[q.name], keys[q.name] = resolveAlias(q.value), q.key
				}
			}
		}
	}
	d.vars.checkDeclared(keys)
}

func resolveAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// yamlLine matches the beginning of an error of the YAML parser.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// parseYAML parses a file, which must contain one document.
func parseYAML(data []byte, path string) (*yaml.Node, error) {
	parser := yaml.NewDecoder(bytes.NewReader(data))
	var document, another yaml.Node
	err := parser.Decode(&document)
	if errors.Is(err, io.EOF) || err == nil && document.Content[0].ShortTag() == "!!null" {
		return nil, &problem{Position{path, 1, 1}, "the file is empty: at least project and platforms are required; slipway init writes a first one"}
	}
	if err == nil {
		switch err = parser.Decode(&another); {
		case errors.Is(err, io.EOF):
			return document.Content[0], nil
		case err == nil:
			return nil, &problem{Position{path, another.Line, another.Column}, "a second document begins here; slipway.yaml has only one: remove the --- above"}
		}
	}
	return nil, yamlError(err, data, path)
}

// unquotedVariable returns the position of the first ${ inside [ ] or { } without quotes, which YAML parses as the
// beginning of a mapping. Lines and columns count from 1; without such a ${, both are 0.
func unquotedVariable(lines [][]byte) (line, column int) {
	for n, text := range lines {
		if i := unquotedIn(text); i > 0 {
			return n + 1, i
		}
	}
	return 0, 0
}

// unquotedIn returns the column of the first such $ in a line, or 0; see unquotedVariable.
func unquotedIn(text []byte) int {
	depth, quote := 0, byte(0)
	for i, c := range text {
		before := byte(' ')
		if i > 0 {
			before = text[i-1]
		}
		switch {
		case quote != 0:
			if c == quote && (quote == '\'' || before != '\\') {
				quote = 0
			}
		case c == '#' && (before == ' ' || before == '\t'):
			return 0 // the rest is a comment
		case opensQuote(c, before):
			quote = c
		case c == '{' && before == '$' && depth > 0:
			return i
		case (c == '[' || c == '{') && before != '$':
			depth++
		case c == ']' || c == '}':
			depth--
		}
	}
	return 0
}

// opensQuote reports whether c, outside quotes, begins a quoted value. Two single quotes in a quoted value are an
// escaped one: the first closes the value, and the second opens it again.
func opensQuote(c, before byte) bool {
	return c == '\'' && before == '\'' || (c == '"' || c == '\'') && strings.IndexByte(" \t[{,:", before) >= 0
}

// yamlError adds the position to an error of the YAML parser, which has at most the line.
func yamlError(err error, data []byte, path string) error {
	match := yamlLine.FindStringSubmatch(err.Error())
	if match == nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	at := Position{path, 1, 1}
	if line, err := strconv.Atoi(match[1]); err == nil {
		at.Line = line
	}
	message := "YAML: " + strings.TrimPrefix(err.Error(), match[0])
	lines := slices.Collect(bytes.Lines(data))
	if strings.Contains(message, "did not find expected") {
		if line, column := unquotedVariable(lines); line > 0 {
			return &problem{Position{path, line, column}, "YAML: between [ ] or { }, a value with ${…} needs quotes: \"${NAME}\""}
		}
	}
	if at.Line <= len(lines) {
		text := string(lines[at.Line-1])
		indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		at.Column = len(indent) + 1
		if strings.Contains(indent, "\t") {
			message += " (the line is indented with a tab; YAML wants spaces)"
		}
	}
	return &problem{at, message}
}
