package assemble

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// An env is a list of variables that expansion knows, in the order in which they
// were set. It is case-sensitive wherever it runs, as on Linux.
type env struct {
	keys   []string
	values map[string]string
}

func newEnv() *env { return &env{values: map[string]string{}} }

// Get returns the value of key, and whether it is set.
func (e *env) Get(key string) (string, bool) {
	v, ok := e.values[key]
	return v, ok
}

// Keys returns the variables' names.
func (e *env) Keys() []string { return e.keys }

func (e *env) set(key, value string) {
	if _, ok := e.values[key]; !ok {
		e.keys = append(e.keys, key)
	}
	e.values[key] = value
}

func (e *env) unset(key string) {
	if _, ok := e.values[key]; ok {
		delete(e.values, key)
		e.keys = slices.DeleteFunc(e.keys, func(k string) bool { return k == key })
	}
}

func (e *env) clone() *env {
	c := &env{keys: slices.Clone(e.keys), values: make(map[string]string, len(e.values))}
	for k, v := range e.values {
		c.values[k] = v
	}
	return c
}

// setVariable sets key in a config's list of KEY=VALUE.
func setVariable(list []string, key, value string) []string {
	for i, variable := range list {
		if k, _, _ := strings.Cut(variable, "="); k == key {
			list[i] = key + "=" + value
			return list
		}
	}
	return append(list, key+"="+value)
}

// expand expands the variables in word, within what those of a Dockerfile may
// come to.
func (d *dockerfile) expand(lex *shell.Lex, word string, vars *env) (shell.ProcessWordResult, error) {
	bounded := d.expansion.Word(word, vars)
	result, err := lex.ProcessWordWithMatches(word, bounded)
	if limit := bounded.Done(len(result.Result)); limit != nil {
		return shell.ProcessWordResult{}, limit
	}
	return result, err
}

// expandWords does the same, and splits the result into words.
func (d *dockerfile) expandWords(lex *shell.Lex, word string, vars *env) ([]string, error) {
	bounded := d.expansion.Word(word, vars)
	words, err := lex.ProcessWords(word, bounded)
	size := 0
	for _, w := range words {
		size += len(w)
	}
	if limit := bounded.Done(size); limit != nil {
		return nil, limit
	}
	return words, err
}
