package engine

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/slipway-build/slipway/images/buildfile"
)

// checkVariables refuses a Dockerfile whose variables expand to too much text. BuildKit's
// converter, which expands them in this process, has no limit. On a Windows host (foldsCase), the
// converter ignores the case of names, so two names that differ only in case are an error. All
// other errors are left to the converter.
func (j *job) checkVariables(foldsCase bool) error {
	parsed, err := parser.Parse(bytes.NewReader(j.file.Data))
	if err != nil {
		return nil
	}
	stages, global, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{})) // nil panics at "# check=" of an instruction
	if err != nil {
		return nil
	}
	e := &expansion{args: j.build.Args, lex: shell.NewLex(parsed.EscapeToken)}
	if foldsCase {
		e.folded = map[string]string{"PATH": "PATH"} // which every image has
	}
	located := func(c instructions.Command, err error) error {
		if err == nil {
			return nil
		}
		return &buildfile.SourceError{File: j.file.Path, Line: c.Location()[0].Start.Line, Err: err}
	}
	beforeFrom := variables{}
	for i := range global {
		if err := e.run(&global[i], beforeFrom); err != nil {
			return located(&global[i], err)
		}
	}
	byName := map[string]variables{}
	for _, s := range stages {
		base, err := e.expand(e.lex, s.BaseName, beforeFrom)
		if err != nil {
			return &buildfile.SourceError{File: j.file.Path, Line: s.Location[0].Start.Line, Err: err}
		}
		vars := maps.Clone(byName[strings.ToLower(base)])
		if vars == nil {
			vars = variables{}
		}
		e.global = beforeFrom
		for _, c := range s.Commands {
			if err := e.run(c, vars); err != nil {
				return located(c, err)
			}
		}
		byName[strings.ToLower(s.Name)] = vars
	}
	return nil
}

// variables are those that any instruction of a Dockerfile sets.
type variables map[string]string

// unknownValue is the assumed value of a variable that only a base image or BuildKit sets. Only its
// length matters.
var unknownValue = strings.Repeat("x", 256)

// Get returns the value of a variable, or unknownValue for a variable that may be set elsewhere.
func (v variables) Get(name string) (string, bool) {
	if value, ok := v[name]; ok {
		return value, true
	}
	return unknownValue, true
}

// Keys returns nothing, since it is only used for warnings.
func (variables) Keys() []string { return nil }

// An expansion expands the variables of a Dockerfile to determine their size.
type expansion struct {
	buildfile.Expansion
	args   map[string]string
	lex    *shell.Lex
	global variables
	// folded maps the upper-case form of each name to the name. It is nil where case matters.
	folded map[string]string
}

// checkName refuses a name that differs from an earlier one only in case.
func (e *expansion) checkName(name string) error {
	if e.folded == nil {
		return nil
	}
	key := strings.ToUpper(name)
	if other, ok := e.folded[key]; ok && other != name {
		return fmt.Errorf("the variables %s and %s differ only in case, and BuildKit's frontend does not distinguish them on a Windows host: use the embedded builder, or a Linux host", other, name)
	}
	e.folded[key] = name
	return nil
}

// expand returns word with its variables expanded, or "" if it cannot be expanded.
func (e *expansion) expand(lex *shell.Lex, word string, vars variables) (string, error) {
	bounded := e.Word(word, vars)
	result, err := lex.ProcessWordWithMatches(word, bounded)
	if limit := bounded.Done(len(result.Result)); limit != nil || err != nil {
		return "", limit
	}
	return result.Result, nil
}

// run expands the words of an instruction, and sets the variables that it sets.
func (e *expansion) run(c instructions.Command, vars variables) error {
	var limit error
	in := func(lex *shell.Lex) instructions.SingleWordExpander {
		return func(word string) (string, error) {
			expanded, err := e.expand(lex, word, vars)
			limit = errors.Join(limit, err)
			return expanded, err
		}
	}
	if x, ok := c.(instructions.SupportsSingleWordExpansion); ok {
		_ = x.Expand(in(e.lex))
	}
	if x, ok := c.(instructions.SupportsSingleWordExpansionRaw); ok {
		raw := shell.NewLex('\\')
		raw.SkipProcessQuotes = true
		_ = x.ExpandRaw(in(raw))
	}
	switch c := c.(type) {
	case *instructions.ExposeCommand:
		for _, port := range c.Ports {
			_, _ = in(e.lex)(port)
		}
	case *instructions.EnvCommand:
		for _, pair := range c.Env {
			limit = errors.Join(limit, e.checkName(pair.Key))
			vars[pair.Key] = pair.Value
		}
	case *instructions.ArgCommand:
		for _, arg := range c.Args {
			limit = errors.Join(limit, e.checkName(arg.Key))
			if given, ok := e.args[arg.Key]; ok {
				vars[arg.Key] = given
			} else if arg.Value != nil {
				vars[arg.Key] = *arg.Value
			} else if value, ok := e.global[arg.Key]; ok {
				vars[arg.Key] = value
			}
		}
	}
	return limit
}
