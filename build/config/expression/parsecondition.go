package expression

import (
	"fmt"
	"strings"
)

// maxDepth limits the nesting of parentheses and !, since the parser is recursive.
const maxDepth = 100

// ParseCondition parses a condition. The error is a *ConditionError.
func ParseCondition(text string) (Condition, error) {
	p := &conditionParser{text: text}
	root, err := p.either(0)
	if err != nil {
		return Condition{}, err
	}
	if p.peek(); p.at < len(text) {
		return Condition{}, p.wrong("want &&, || or the end, found %q", p.word())
	}
	return Condition{root}, nil
}

type conditionParser struct {
	text string
	at   int
}

func (p *conditionParser) wrong(format string, args ...any) error {
	return &ConditionError{p.at, fmt.Sprintf(format, args...)}
}

// peek skips blanks and returns the rest of the text.
func (p *conditionParser) peek() string {
	rest := strings.TrimLeft(p.text[p.at:], " \t\r\n")
	p.at = len(p.text) - len(rest)
	return rest
}

// take skips a token if it is next, and reports whether it was.
func (p *conditionParser) take(token string) bool {
	if !strings.HasPrefix(p.peek(), token) {
		return false
	}
	p.at += len(token)
	return true
}

// word returns the text up to the next blank, for messages.
func (p *conditionParser) word() string {
	word, _, _ := strings.Cut(p.peek(), " ")
	return word
}

// either parses the operands of ||.
func (p *conditionParser) either(depth int) (*node, error) {
	return p.chain("||", func() (*node, error) { return p.chain("&&", func() (*node, error) { return p.negation(depth) }) })
}

func (p *conditionParser) chain(op string, operand func() (*node, error)) (*node, error) {
	first, err := operand()
	if err != nil {
		return nil, err
	}
	args := []*node{first}
	for p.take(op) {
		next, err := operand()
		if err != nil {
			return nil, err
		}
		args = append(args, next)
	}
	if len(args) == 1 {
		return first, nil
	}
	return &node{op: op, args: args}, nil
}

func (p *conditionParser) negation(depth int) (*node, error) {
	switch {
	case depth > maxDepth:
		return nil, p.wrong("more than %d parentheses and ! around one another", maxDepth)
	case strings.HasPrefix(p.peek(), "!=") || !p.take("!"):
		return p.comparison(depth)
	}
	arg, err := p.negation(depth + 1)
	if err != nil {
		return nil, err
	}
	return &node{op: "!", args: []*node{arg}}, nil
}

func (p *conditionParser) comparison(depth int) (*node, error) {
	if p.take("(") {
		inner, err := p.either(depth + 1)
		if err == nil && !p.take(")") {
			err = p.wrong("missing ) of a ( before")
		}
		return inner, err
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	for _, op := range []string{"==", "!=", "=~"} {
		if !p.take(op) {
			continue
		}
		right, err := p.operand()
		if err != nil {
			return nil, err
		}
		return &node{op: op, args: []*node{left, right}}, nil
	}
	if rest := p.peek(); strings.HasPrefix(rest, "=") {
		return nil, p.wrong("= is not an operator: want == or =~")
	}
	return left, nil
}

// operand parses quoted text, ${NAME}, NAME, true or false.
func (p *conditionParser) operand() (*node, error) {
	rest := p.peek()
	at := p.at
	operand := func(value Expression, length int, bare bool) (*node, error) {
		p.at = at + length
		return &node{value: Operand{Value: value, Offset: at, Bare: bare}}, nil
	}
	switch {
	case rest == "":
		return nil, p.wrong("ends where a variable or quoted text is wanted")
	case rest[0] == '"' || rest[0] == '\'':
		quoted, _, closed := strings.Cut(rest[1:], rest[:1])
		if !closed {
			return nil, p.wrong("missing %s at the end of quoted text", rest[:1])
		}
		value, err := Parse(quoted)
		if err != nil {
			return nil, p.wrong("%v", err)
		}
		return operand(value, len(quoted)+2, false)
	case strings.HasPrefix(rest, "${"):
		piece, after, err := parseVariable(rest[len("${"):])
		if err != nil {
			return nil, p.wrong("%v", err)
		}
		return operand(Expression{piece}, len(rest)-len(after), false)
	}
	name := rest[:len(rest)-len(strings.TrimLeftFunc(rest, isNameRune))]
	switch {
	case name == "true" || name == "false":
		return operand(Literal(name), len(name), false)
	case IsName(name):
		return operand(Expression{{Name: name}}, len(name), true)
	}
	return nil, p.wrong("%q is neither a variable nor quoted text: want ${NAME} or \"text\"", p.word())
}
