package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// A Position is where something stands: a line and a column of slipway.yaml, both
// counted from 1, or, without a line, what File says in words, such as
// "environment variable TAG".
type Position struct {
	File         string
	Line, Column int
}

// String spells p as file:line:column, which editors and terminals can follow.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// environment is the position of an environment variable.
func environment(name string) Position { return Position{File: "environment variable " + name} }

// A problem is one thing that is wrong with the configuration, in slipway.yaml
// or in the environment.
type problem struct {
	at      Position
	message string
}

func (p *problem) Error() string { return p.at.String() + ": " + p.message }

// problems collects what is wrong.
type problems struct {
	list []*problem
}

func (p *problems) add(at Position, format string, args ...any) {
	p.list = append(p.list, &problem{at, fmt.Sprintf(format, args...)})
}

// err is all problems in the order in which they stand in the file, each once:
// an alias or a variable that is used twice is wrong just once.
func (p *problems) err() error {
	slices.SortStableFunc(p.list, func(a, b *problem) int {
		return cmp.Or(
			cmp.Compare(a.at.File, b.at.File),
			cmp.Compare(a.at.Line, b.at.Line),
			cmp.Compare(a.at.Column, b.at.Column),
			cmp.Compare(a.message, b.message),
		)
	})
	var errs []error
	for i, e := range p.list {
		if i == 0 || *e != *p.list[i-1] {
			errs = append(errs, e)
		}
	}
	return errors.Join(errs...)
}
