package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// FindConfig returns the path of the slipway.yaml in dir or in the nearest folder
// above it that has one.
func Find(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("looking for %s: %w", FileName, err)
	}
	var looked []string
	for path := dir; ; path, abs = filepath.Join(path, ".."), filepath.Dir(abs) {
		file := filepath.Join(path, FileName)
		info, err := os.Stat(file)
		switch {
		case err == nil && !info.IsDir():
			return file, nil // Load says what is wrong with a pipe
		case err == nil:
			return "", &problem{Position{File: file}, "it is a folder, not a file"}
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("looking for %s: %w", FileName, err)
		}
		looked = append(looked, abs)
		if filepath.Dir(abs) == abs {
			advice := "go to a project's folder, name the file with --config, or write one with slipway init"
			if near := nearby(looked); near != "" {
				advice = near + " is there: was it meant? Rename it, or name it with --config"
			}
			return "", &problem{Position{File: FileName}, fmt.Sprintf("there is none in %s: %s", strings.Join(looked, ", "), advice)}
		}
	}
}

// nearby is a file that may be meant: of a name that is nearly right, or in a folder
// below the first of folders.
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

// Load reads and checks the configuration at path. env is os.LookupEnv, or what
// stands in for it: TAG, REGISTRY, REPO, SOURCE_DATE_EPOCH and variables of the
// same names as the file's win over the file, unless they are empty. It runs git
// to learn the version. Its error joins one for everything that is wrong, each
// with file:line:column.
func Load(ctx context.Context, path string, env func(string) (string, bool)) (*Config, error) {
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
	return parse(data, path, dir, head, env)
}

// parseConfig is Load after all but the files that the configuration names was
// read.
func parse(data []byte, path, dir string, head version.Head, env func(string) (string, bool)) (*Config, error) {
	root, err := parseYAML(data, path)
	if err != nil {
		return nil, err
	}
	problems := &problems{}
	vars := &variables{
		env: env, head: head, problems: problems, file: path,
		fields: map[string]*yaml.Node{}, declared: map[string]*yaml.Node{}, values: map[string]variable{}, linked: map[string]string{},
	}
	d := &decoder{file: path, vars: vars, problems: problems, at: map[string]Position{}, keyAt: map[string]Position{}, budget: maxValues}
	d.collect(root)

	config := &Config{File: path, Dir: dir}
	config.Release, _ = vars.resolveRelease()
	config.Untagged, config.Linked = vars.untagged, vars.linked
	d.value(root, reflect.ValueOf(config).Elem(), field{})
	for name := range config.Vars {
		if value, ok := vars.lookup(name); ok && !value.bad {
			config.Vars[name] = value.value.String()
		}
	}
	if d.budget > 0 { // else aliases have multiplied every further problem
		v := &validator{config: config, decoder: d}
		v.validate()
	}
	if err := problems.err(); err != nil {
		return nil, err
	}
	return config, nil
}

// collect finds the values that variables are made from, before anything is
// decoded. What has the wrong form is left for the decoder to report.
func (d *decoder) collect(root *yaml.Node) {
	silent := &decoder{file: d.file, problems: &problems{}, budget: maxValues}
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

// yamlLine finds the line in an error of the YAML parser.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// parseYAML reads the one document of a file.
func parseYAML(data []byte, path string) (*yaml.Node, error) {
	parser := yaml.NewDecoder(bytes.NewReader(data))
	var document, another yaml.Node
	err := parser.Decode(&document)
	if errors.Is(err, io.EOF) || err == nil && document.Content[0].ShortTag() == "!!null" {
		return nil, &problem{Position{path, 1, 1}, "the file is empty: it must say at least project and platforms; slipway init writes one"}
	}
	if err == nil {
		switch err = parser.Decode(&another); {
		case errors.Is(err, io.EOF):
			return document.Content[0], nil
		case err == nil:
			return nil, &problem{Position{path, another.Line, another.Column}, "a second document begins here: slipway.yaml is just one, so take out the --- above"}
		}
	}
	return nil, yamlError(err, data, path)
}

// unquotedVariable is where the first ${ stands that YAML takes for the beginning of a
// mapping, as it stands in a list or mapping in one line, without quotes; both are
// counted from 1.
func unquotedVariable(lines [][]byte) (line, column int) {
	for n, text := range lines {
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
				depth = -len(text) // the rest is a comment
			case c == '\'' && before == '\'' || (c == '"' || c == '\'') && strings.IndexByte(" \t[{,:", before) >= 0:
				// The first is the second of two, which stand for one in a quoted value.
				quote = c
			case c == '{' && before == '$' && depth > 0:
				return n + 1, i
			case (c == '[' || c == '{') && before != '$':
				depth++
			case c == ']' || c == '}':
				depth--
			}
		}
	}
	return 0, 0
}

// yamlError gives an error of the YAML parser, which knows at most the line, a
// position.
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
