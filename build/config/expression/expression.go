package expression

import (
	"fmt"
	"slices"
	"strings"
)

// Expand replaces the variables of text, which was written by Expression.String, by the values in vars. It panics if
// text is not an expression, or vars lacks a variable; loading the configuration has checked both.
func Expand(text string, vars map[string]string) string {
	t, err := Parse(text)
	if err != nil {
		panic(fmt.Sprintf("expanding %q, which was not checked: %v", text, err))
	}
	return t.expand(text, vars)
}

func (t Expression) expand(text string, vars map[string]string) string {
	var b strings.Builder
	for _, p := range t {
		if p.Name == "" {
			b.WriteString(p.text)
			continue
		}
		value, ok := vars[p.Name]
		if !ok {
			panic(fmt.Sprintf("expanding %q: missing variable ${%s}", text, p.Name))
		}
		if value == "" {
			value = p.Fallback.expand(text, vars)
		}
		b.WriteString(value)
	}
	return b.String()
}

// An Expression is a parsed value.
type Expression []Piece

// A Piece is a variable or, if Name is empty, literal text. Fallback is the default of the variable.
type Piece struct {
	text        string
	Name        string
	HasFallback bool
	Fallback    Expression
}

// Literal returns the expression of a text without variables.
func Literal(text string) Expression {
	if text == "" {
		return nil
	}
	return Expression{{text: text}}
}

// Parse parses a value. The errors do not contain the position of the value.
func Parse(text string) (Expression, error) {
	t, rest, err := parsePieces(text, false)
	if err == nil && rest != "" {
		panic("parsePieces has left text")
	}
	return t, err
}

// parsePieces parses text to its end or, in a default, up to the closing brace, with which rest begins.
func parsePieces(text string, inFallback bool) (t Expression, rest string, err error) {
	var plain strings.Builder
	flush := func() {
		t = append(t, Literal(plain.String())...)
		plain.Reset()
	}
	for text != "" {
		switch {
		case strings.HasPrefix(text, "$$"):
			plain.WriteByte('$')
			text = text[2:]
		case inFallback && strings.HasPrefix(text, "$}"):
			plain.WriteByte('}')
			text = text[2:]
		case strings.HasPrefix(text, "${"):
			var p Piece
			if p, text, err = parseVariable(text[len("${"):]); err != nil {
				return nil, "", err
			}
			flush()
			t = append(t, p)
		case inFallback && text[0] == '}':
			flush()
			return t, text, nil
		default:
			plain.WriteByte(text[0])
			text = text[1:]
		}
	}
	flush()
	return t, "", nil
}

// parseVariable parses a variable after "${". rest begins after the closing brace.
func parseVariable(text string) (p Piece, rest string, err error) {
	end := strings.IndexFunc(text, func(r rune) bool { return !isNameRune(r) })
	if end < 0 {
		return Piece{}, "", fmt.Errorf("${%s has no closing brace (a dollar itself is written $$)", text)
	}
	p.Name, rest = text[:end], text[end:]
	switch {
	case !IsName(p.Name):
		return Piece{}, "", fmt.Errorf("${%s is not a variable: want ${NAME} or ${NAME:-default}, of letters, digits and _ (a dollar itself is written $$)", firstWord(text))
	case rest[0] == '}':
		return p, rest[1:], nil
	case strings.HasPrefix(rest, ":-"):
		p.HasFallback = true
		if p.Fallback, rest, err = parsePieces(rest[len(":-"):], true); err != nil {
			return Piece{}, "", err
		}
		if rest == "" {
			return Piece{}, "", fmt.Errorf("${%s:-… has no closing brace (in a default, a dollar itself is written $$)", p.Name)
		}
		return p, rest[1:], nil
	}
	return Piece{}, "", fmt.Errorf("${%s is not a variable: want ${NAME} or ${NAME:-default}, of letters, digits and _ (a dollar itself is written $$)", firstWord(text))
}

// firstWord returns text up to a closing brace, for messages.
func firstWord(text string) string {
	word, _, closed := strings.Cut(text, "}")
	if closed {
		word += "}"
	}
	return word
}

func isNameRune(r rune) bool {
	return r == '_' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
}

// IsName reports whether s is a valid name of a variable, here and in a shell.
func IsName(s string) bool {
	return s != "" && !('0' <= s[0] && s[0] <= '9') && !strings.ContainsFunc(s, func(r rune) bool { return !isNameRune(r) })
}

// String formats t in the syntax of Parse.
func (t Expression) String() string { return t.write(false) }

func (t Expression) write(inFallback bool) string {
	var b strings.Builder
	for _, p := range t {
		if p.Name == "" {
			// Escape text that Parse would interpret as the beginning or end of a variable.
			text := strings.ReplaceAll(p.text, "$", "$$")
			if inFallback {
				text = strings.ReplaceAll(text, "}", "$}")
			}
			b.WriteString(text)
			continue
		}
		b.WriteString("${" + p.Name)
		if p.HasFallback {
			b.WriteString(":-" + p.Fallback.write(true))
		}
		b.WriteByte('}')
	}
	return b.String()
}

// Text returns the literal text of t, without its variables.
func (t Expression) Text() string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.text)
	}
	return b.String()
}

// Size returns the number of bytes of t: its text, and the names of its variables.
func (t Expression) Size() int {
	n := 0
	for _, p := range t {
		n += len(p.text) + len(p.Name) + p.Fallback.Size()
	}
	return n
}

// Names returns the variables of t in order, with those of defaults.
func (t Expression) Names() []string {
	var names []string
	for _, p := range t {
		if p.Name != "" {
			names = append(append(names, p.Name), p.Fallback.Names()...)
		}
	}
	return names
}

// OrElse returns an expression for t, or for fallback if t is empty. It is an error if more than one variable
// determines whether t is empty.
func (t Expression) OrElse(fallback Expression) (Expression, error) {
	literals := slices.ContainsFunc(t, func(p Piece) bool { return p.Name == "" })
	switch {
	case literals:
		return t, nil // it is never empty
	case len(t) == 0:
		return fallback, nil
	case len(t) == 1 && !t[0].HasFallback:
		return Expression{{Name: t[0].Name, HasFallback: true, Fallback: fallback}}, nil
	}
	return nil, fmt.Errorf("${%s} cannot have a default: whether it is empty depends on more than one per-platform variable", strings.Join(t.Names(), "}${"))
}
