package vex

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	openvex "github.com/openvex/go-vex/pkg/vex"
)

// maxSize is how many bytes a document may have.
const maxSize = 16 << 20

// A Problem is an error in a document.
type Problem struct {
	Line int // from 1
	Text string
}

// Check reads a document, and returns all problems in it.
func Check(raw []byte) []Problem {
	c := checker{raw: raw}
	if len(raw) > maxSize {
		c.wrong(1, "the document has %d bytes, more than %d", len(raw), maxSize)
		return c.found
	}
	lines, ok := c.statements()
	if !ok {
		return c.found
	}
	document, err := openvex.Parse(raw)
	if err != nil {
		c.wrong(lineOf(raw, offsetOf(err)), "%v", errors.Unwrap(err))
		return c.found
	}
	c.metadata(document)
	for i := range document.Statements {
		c.statement(lines[i], &document.Statements[i])
	}
	return c.found
}

type checker struct {
	raw   []byte
	found []Problem
}

func (c *checker) wrong(line int, format string, args ...any) {
	c.found = append(c.found, Problem{line, fmt.Sprintf(format, args...)})
}

// statements returns the line of each statement. It fails if the document is not a JSON object without duplicate members,
// or if its statements are not objects, or are also read under another name: go-vex ignores the case of names.
func (c *checker) statements() (lines []int, ok bool) {
	var document struct {
		Statements []jsontext.Value `json:"statements"`
	}
	if err := jsonv2.Unmarshal(c.raw, &document); err != nil {
		c.wrong(lineOf(c.raw, offsetOf(err)), "%s", strings.TrimPrefix(reason(err), "jsontext: "))
		return nil, false
	}
	// A second pass, for the places. The document is known to be valid.
	d := jsontext.NewDecoder(bytes.NewReader(c.raw))
	line, counted := 1, int64(0)
	next := func() int { // the line of the next value
		rest := bytes.TrimLeft(c.raw[d.InputOffset():], " \t\r\n,:")
		at := int64(len(c.raw) - len(rest))
		line += bytes.Count(c.raw[counted:at], []byte("\n"))
		counted = at
		return line
	}
	_, err := d.ReadToken()
	for err == nil && d.PeekKind() == '"' {
		at := next()
		var token jsontext.Token
		if token, err = d.ReadToken(); err != nil {
			break
		}
		name := token.String()
		if name != "statements" && strings.EqualFold(name, "statements") {
			c.wrong(at, "%q is not a member of a document: want \"statements\"", name)
		}
		if name != "statements" || d.PeekKind() != '[' {
			err = d.SkipValue()
			continue
		}
		for _, err = d.ReadToken(); err == nil && d.PeekKind() != ']'; err = d.SkipValue() {
			lines = append(lines, next())
			if d.PeekKind() != '{' {
				c.wrong(line, "the statement is not an object")
			}
		}
		if err == nil {
			_, err = d.ReadToken()
		}
	}
	if err != nil {
		c.wrong(line, "%v", err)
	}
	return lines, len(c.found) == 0
}

// metadata checks what the specification requires of a document.
func (c *checker) metadata(d *openvex.VEX) {
	missing := func(name, hint string) { c.wrong(1, "missing %q: %s", name, hint) }
	switch {
	case d.Context == "":
		missing("@context", openvex.ContextLocator())
	case !strings.HasPrefix(d.Context, openvex.Context+"/v"):
		c.wrong(1, "the @context %q is not that of OpenVEX: want %s", d.Context, openvex.ContextLocator())
	}
	if d.ID == "" {
		missing("@id", "an IRI of the document")
	}
	if d.Author == "" {
		missing("author", "who states this")
	}
	if d.Timestamp == nil {
		missing("timestamp", "when the document was issued, in RFC 3339")
	}
	if d.Version < 1 {
		missing("version", "a number from 1")
	}
	if len(d.Statements) == 0 {
		missing("statements", "at least one")
	}
}

func (c *checker) statement(line int, s *openvex.Statement) {
	name := cmp.Or(string(s.Vulnerability.Name), s.Vulnerability.ID)
	if name == "" {
		c.wrong(line, "the statement has no vulnerability: want {\"name\": \"CVE-…\"}")
	}
	if err := s.Validate(); err != nil {
		c.wrong(line, "%s: %v", cmp.Or(name, "the statement"), err)
	}
	if len(s.Products) == 0 {
		c.wrong(line, "%s: the statement has no products, so that it is about nothing", cmp.Or(name, "the statement"))
	}
	for _, p := range s.Products {
		if p.ID == "" && len(p.Identifiers) == 0 && len(p.Hashes) == 0 {
			c.wrong(line, "%s: a product has neither @id, identifiers nor hashes", cmp.Or(name, "the statement"))
		}
	}
}

// offsetOf returns the offset in bytes at which a JSON error was found, or 0.
func offsetOf(err error) int64 {
	var (
		syntactic *jsontext.SyntacticError
		semantic  *jsonv2.SemanticError
		syntax    *json.SyntaxError
		typed     *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &syntactic):
		return syntactic.ByteOffset
	case errors.As(err, &semantic):
		return semantic.ByteOffset
	case errors.As(err, &syntax):
		return syntax.Offset
	case errors.As(err, &typed):
		return typed.Offset
	}
	return 0
}

// reason returns the text of a JSON error without its place.
func reason(err error) string {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) && syntactic.Err != nil {
		return fmt.Sprintf("%v at %q", syntactic.Err, syntactic.JSONPointer)
	}
	return err.Error()
}

func lineOf(raw []byte, offset int64) int {
	return 1 + bytes.Count(raw[:min(offset, int64(len(raw)))], []byte("\n"))
}
