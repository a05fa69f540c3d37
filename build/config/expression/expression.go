package expression

import (
	"fmt"
	"slices"
	"strings"
)

// The language of values in slipway.yaml:
//
//	${NAME}             the variable's value
//	${NAME:-default}    the same, or default where NAME is unset or empty; default may
//	                    hold variables. NAME need not be known: then it is read from
//	                    the environment
//	$$                  a dollar
//	$}                  a closing brace, in a default
//
// Every other dollar stands for itself, so that regular expressions and Windows
// paths need no escapes. Values that are put in are not expanded again.

// Expand puts the per-platform variables into a field of Config that is tagged
// `expand`. Load has checked that all of text is known; a variable that vars
// lacks is therefore a bug in this program, and Expand panics.
func Expand(text string, vars map[string]string) string {
	t, err := Parse(text)
	if err != nil {
		panic(fmt.Sprintf("expanding %q, which Load has not checked: %v", text, err))
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
			panic(fmt.Sprintf("expanding %q: there is no ${%s} here", text, p.Name))
		}
		if value == "" {
			value = p.Fallback.expand(text, vars)
		}
		b.WriteString(value)
	}
	return b.String()
}

// A template is a value, parsed.
type Expression []Piece

// A piece is literal text, or a variable and what stands in for it when it is
// empty.
type Piece struct {
	text        string
	Name        string
	HasFallback bool
	Fallback    Expression
}

// literal is the template of a value that holds no variables.
func Literal(text string) Expression {
	if text == "" {
		return nil
	}
	return Expression{{text: text}}
}

// parseTemplate reads a value. Its errors say what is wrong in words that need no
// position of their own.
func Parse(text string) (Expression, error) {
	t, rest, err := parsePieces(text, false)
	if err == nil && rest != "" {
		panic("parsePieces stopped early")
	}
	return t, err
}

// parsePieces reads up to the end or, in a fallback, to the brace that closes it,
// which stays in rest.
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

// parseVariable reads what follows "${" to the closing brace, which is not in
// rest.
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

// firstWord is the start of text up to and with a closing brace, for messages.
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

// isName says whether s can be the name of a variable, in a shell too.
func IsName(s string) bool {
	return s != "" && !('0' <= s[0] && s[0] <= '9') && !strings.ContainsFunc(s, func(r rune) bool { return !isNameRune(r) })
}

// String writes t as parseTemplate reads it.
func (t Expression) String() string { return t.write(false) }

func (t Expression) write(inFallback bool) string {
	var b strings.Builder
	for _, p := range t {
		if p.Name == "" {
			// Dollars and braces of a value must not be read as ours.
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

// text is what t stands for if it holds no variables.
func (t Expression) Text() string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.text)
	}
	return b.String()
}

// size is about how many bytes t has: its text, and its variables by name.
func (t Expression) Size() int {
	n := 0
	for _, p := range t {
		n += len(p.text) + len(p.Name) + p.Fallback.Size()
	}
	return n
}

// names are the variables of t, fallbacks included, in order.
func (t Expression) Names() []string {
	var names []string
	for _, p := range t {
		if p.Name != "" {
			names = append(append(names, p.Name), p.Fallback.Names()...)
		}
	}
	return names
}

// orElse is t, or fallback where t turns out empty. It fails where that depends
// on several per-platform variables at once.
func (t Expression) OrElse(fallback Expression) (Expression, error) {
	literals := slices.ContainsFunc(t, func(p Piece) bool { return p.Name == "" })
	switch {
	case literals:
		return t, nil // never empty
	case len(t) == 0:
		return fallback, nil
	case len(t) == 1 && !t[0].HasFallback:
		return Expression{{Name: t[0].Name, HasFallback: true, Fallback: fallback}}, nil
	}
	return nil, fmt.Errorf("${%s} cannot have a default: whether it is empty depends on more than one per-platform variable", strings.Join(t.Names(), "}${"))
}
