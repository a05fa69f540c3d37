package buildfile

import (
	"fmt"
	"strings"
)

// A SourceError is an error in a Dockerfile, with its place.
type SourceError struct {
	// File is the path of the Dockerfile, as the build context names it.
	File string
	// Line is the first line of the instruction, counted from 1; 0 if the error is not
	// that of an instruction.
	Line int
	// Source is the lines of the instruction, if the builder has them.
	Source []string
	Err    error
}

// Error returns FILE:LINE: and the problem, followed by the lines of the instruction.
func (e *SourceError) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	for i, line := range e.Source {
		fmt.Fprintf(&b, "\n%6d | %s", e.Line+i, line)
	}
	return b.String()
}

func (e *SourceError) Unwrap() error { return e.Err }
