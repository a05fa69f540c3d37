package dockerfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/slipway-build/slipway/images/buildfile"
	suggestion "github.com/slipway-build/slipway/internal/suggest"
)

// maxExcerpt is the number of lines of an instruction that a message shows.
const maxExcerpt = 6

// At adds a location in the Dockerfile to err, unless err already has one.
func (d *File) At(location []parser.Range, err error) error {
	if err == nil {
		return nil
	}
	var placed *buildfile.SourceError
	if errors.As(err, &placed) {
		return err
	}
	e := &buildfile.SourceError{File: d.name, Err: Plain(err)}
	if len(location) == 0 {
		return e
	}
	lines := make([]int, 0, len(location))
	for _, r := range location {
		lines = append(lines, r.Start.Line, r.End.Line)
	}
	first, last := slices.Min(lines), slices.Max(lines)
	e.Line = first
	for n := first; n <= last && n <= len(d.lines) && n > 0 && n < first+maxExcerpt; n++ {
		e.Source = append(e.Source, d.lines[n-1])
	}
	return e
}

// Plain removes the parser's wrapping that only adds the position of an error.
func Plain(err error) error {
	var location *parser.LocationError
	if errors.As(err, &location) {
		if inner := location.Unwrap(); inner != nil {
			return Plain(inner)
		}
	}
	return err
}

// noStage is the message of BuildKit's parser for an instruction before the first FROM.
const noStage = "no build stage in current context"

// parseError adds the location to an error of BuildKit's parser.
func (d *File) parseError(err error) error {
	var where []parser.Range
	var location *parser.LocationError
	if errors.As(err, &location) && len(location.Locations) > 0 {
		where = location.Locations[0]
	}
	if err = Plain(err); err.Error() == noStage {
		err = fmt.Errorf("%w: only ARG may come before the first FROM", err)
	}
	return d.At(where, err)
}

// Suggest returns a suggestion to append to a message: the option nearest to name, or
// "".
func Suggest(name string, options []string) string {
	if best := nearest(name, options); best != "" {
		return fmt.Sprintf(" (did you mean %s?)", best)
	}
	return ""
}

// nearest returns the option that differs from name in at most two letters, ignoring
// case, or "".
func nearest(name string, options []string) string {
	others := slices.DeleteFunc(slices.Sorted(slices.Values(options)), func(o string) bool { return o == name })
	return suggestion.Nearest(name, others, 2)
}

// FirstLine returns the message of err without the excerpt of the Dockerfile.
func FirstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
