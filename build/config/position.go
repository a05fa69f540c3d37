package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// A Position is a line and a column of slipway.yaml, both counted from 1, or a line of an image list, without a column.
// Without a line, File describes the location in words, such as "environment variable TAG".
type Position struct {
	File         string
	Line, Column int
}

// String formats p as file:line:column, which editors and terminals recognize.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	if p.Column == 0 {
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// environment returns the position of an environment variable.
func environment(name string) Position { return Position{File: "environment variable " + name} }

// A problem is an error in slipway.yaml or in the environment.
type problem struct {
	at      Position
	message string
}

func (p *problem) Error() string { return p.at.String() + ": " + p.message }

// problems collects all problems of one Load.
type problems struct {
	list []*problem
}

func (p *problems) add(at Position, format string, args ...any) {
	p.list = append(p.list, &problem{at, fmt.Sprintf(format, args...)})
}

// err joins all problems in the order of the file, each once, since an alias or a variable that is used twice would
// report its problems twice.
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
