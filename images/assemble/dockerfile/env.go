package dockerfile

import (
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// An Env is a list of variables for expansion, in the order in which they were set.
// Names are case-sensitive on every host, as on Linux.
type Env struct {
	keys   []string
	values map[string]string
}

func NewEnv() *Env { return &Env{values: map[string]string{}} }

// Get returns the value of key, and whether it is set.
func (e *Env) Get(key string) (string, bool) {
	v, ok := e.values[key]
	return v, ok
}

// Keys returns the names of the variables.
func (e *Env) Keys() []string { return e.keys }

func (e *Env) Set(key, value string) {
	if _, ok := e.values[key]; !ok {
		e.keys = append(e.keys, key)
	}
	e.values[key] = value
}

func (e *Env) Unset(key string) {
	if _, ok := e.values[key]; ok {
		delete(e.values, key)
		e.keys = slices.DeleteFunc(e.keys, func(k string) bool { return k == key })
	}
}

func (e *Env) Clone() *Env {
	c := &Env{keys: slices.Clone(e.keys), values: make(map[string]string, len(e.values))}
	for k, v := range e.values {
		c.values[k] = v
	}
	return c
}

// SetVariable sets key in a config's list of KEY=VALUE.
func SetVariable(list []string, key, value string) []string {
	for i, variable := range list {
		if k, _, _ := strings.Cut(variable, "="); k == key {
			list[i] = key + "=" + value
			return list
		}
	}
	return append(list, key+"="+value)
}

// Expand expands the variables in word, within the limit for a Dockerfile
// (buildfile.Expansion).
func (d *File) Expand(lex *shell.Lex, word string, vars *Env) (shell.ProcessWordResult, error) {
	bounded := d.expansion.Word(word, vars)
	result, err := lex.ProcessWordWithMatches(word, bounded)
	if limit := bounded.Done(len(result.Result)); limit != nil {
		return shell.ProcessWordResult{}, limit
	}
	return result, err
}

// expandWords is like Expand, and splits the result into words.
func (d *File) expandWords(lex *shell.Lex, word string, vars *Env) ([]string, error) {
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
