package expression

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Condition is a parsed key when: of slipway.yaml. The zero Condition is always true.
type Condition struct {
	root *node
}

// A node is a value, or an operator with its operands.
type node struct {
	// op is !, &&, ||, ==, != or =~, and empty for a value.
	op    string
	args  []*node
	value Operand
	// pattern is the right operand of =~, once it has been resolved.
	pattern *regexp.Regexp
}

// An Operand is a value in a condition.
type Operand struct {
	Value Expression
	// Offset is its position in the text of the condition, in bytes.
	Offset int
	// Bare means that it is a name without ${ and }.
	Bare bool
}

// A ConditionError is a mistake in a condition.
type ConditionError struct {
	// Offset is its position in the text of the condition, in bytes.
	Offset  int
	message string
}

func (e *ConditionError) Error() string { return e.message }

// Always returns the condition that is always true, or always false.
func Always(holds bool) Condition {
	return Condition{&node{value: Operand{Value: Literal(fmt.Sprint(holds))}}}
}

// Resolve returns the condition with its values replaced by those that resolve returns. If resolve returns false, it
// has reported the reason, and good is false. The error is a *ConditionError: after resolving, the right side of =~
// must be a regular expression without variables.
func (c Condition) Resolve(resolve func(Operand) (value Expression, ok bool)) (resolved Condition, good bool, err error) {
	if c.root == nil {
		return c, true, nil
	}
	root, good, err := c.root.resolve(resolve)
	return Condition{root}, good, err
}

func (n *node) resolve(resolve func(Operand) (Expression, bool)) (out *node, good bool, err error) {
	out, good = &node{op: n.op, value: n.value, args: make([]*node, len(n.args))}, true
	if n.op == "" {
		out.value.Value, good = resolve(n.value)
		return out, good, nil
	}
	for i, arg := range n.args {
		resolved, ok, err := arg.resolve(resolve)
		if err != nil {
			return nil, false, err
		}
		out.args[i], good = resolved, good && ok
	}
	if n.op != "=~" || !good {
		return out, good, nil
	}
	right := out.args[1].value
	if names := right.Value.Names(); len(names) > 0 {
		return nil, false, &ConditionError{right.Offset, fmt.Sprintf("the regular expression contains ${%s}, which has no value here: compare with == or !=", names[0])}
	}
	if out.pattern, err = regexp.Compile(right.Value.Text()); err != nil {
		return nil, false, &ConditionError{right.Offset, err.Error()}
	}
	return out, true, nil
}

// Holds reports whether the condition, which Resolve returned, is true with the values in vars. It panics if vars lacks
// a variable.
func (c Condition) Holds(vars map[string]string) bool { return c.root == nil || c.root.holds(vars) }

func (n *node) holds(vars map[string]string) bool {
	text := func(i int) string {
		value := n.args[i].value.Value
		return value.expand(value.String(), vars)
	}
	holds := func(n *node) bool { return n.holds(vars) }
	switch n.op {
	case "!":
		return !holds(n.args[0])
	case "&&":
		return !slices.ContainsFunc(n.args, func(n *node) bool { return !holds(n) })
	case "||":
		return slices.ContainsFunc(n.args, holds)
	case "==":
		return text(0) == text(1)
	case "!=":
		return text(0) != text(1)
	case "=~":
		return n.pattern.MatchString(text(0))
	}
	return isTrue(n.value.Value.expand(n.value.Value.String(), vars))
}

// isTrue reports whether a value without an operator is true.
func isTrue(value string) bool { return value != "" && value != "0" && value != "false" }

// String returns the condition with its resolved values, for messages.
func (c Condition) String() string {
	if c.root == nil {
		return ""
	}
	return c.root.write()
}

func (n *node) write() string {
	var args []string
	for _, arg := range n.args {
		text := arg.write()
		if len(arg.args) > 1 {
			text = "(" + text + ")"
		}
		args = append(args, text)
	}
	switch n.op {
	case "":
		if v := n.value.Value; len(v) == 1 && v[0].Name != "" {
			return v.String()
		}
		return `"` + n.value.Value.String() + `"`
	case "!":
		return "!" + args[0]
	}
	return strings.Join(args, " "+n.op+" ")
}
