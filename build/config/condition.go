package config

import (
	"errors"
	"reflect"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/internal/suggest"
)

// isScalar reports whether a struct is a single value in the file.
func isScalar(t reflect.Type) bool { return t == platformType || t == conditionType }

// condition decodes a condition, and replaces its release variables.
func (d *decoder) condition(n *yaml.Node, out reflect.Value, f field) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		d.wrong(n, "%s: want a condition, such as ${OS} == \"linux\", found %s", f.path, describe(n))
		return
	}
	if holds, err := strconv.ParseBool(n.Value); err == nil && n.ShortTag() == "!!bool" { // also True and TRUE
		out.Set(reflect.ValueOf(expression.Always(holds)))
		return
	}
	at := func(offset int) Position { return d.within(n, offset) }
	var mistake *expression.ConditionError
	parsed, err := expression.ParseCondition(n.Value)
	if errors.As(err, &mistake) {
		d.problems.add(at(mistake.Offset), "%s: %v", f.path, err)
		return
	}
	allowed := inScope(f.expand)
	resolved, good, err := parsed.Resolve(func(o expression.Operand) (expression.Expression, bool) {
		if o.Bare && !d.vars.declares(o.Value[0].Name, allowed) {
			name := o.Value[0].Name
			d.problems.add(at(o.Offset), "%s: unknown variable %s%s; text needs quotes: \"%s\"", f.path, name, suggest.DidYouMean(name, d.vars.known(allowed)), name)
			return nil, false
		}
		if f.linked {
			d.vars.link(o.Value.String())
		}
		return d.vars.expandParsed(o.Value, at(o.Offset), allowed)
	})
	if errors.As(err, &mistake) {
		d.problems.add(at(mistake.Offset), "%s: %v", f.path, err)
		return
	}
	if !good {
		d.unknown[f.path] = true
		return
	}
	out.Set(reflect.ValueOf(resolved))
}

// within returns the position of a byte of a scalar, or of the scalar if it is not on one line.
func (d *decoder) within(n *yaml.Node, offset int) Position {
	at := d.position(n)
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return at
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		offset++
	}
	at.Column += offset
	return at
}

// declares reports whether a name is a variable, here or elsewhere in the file.
func (v *variables) declares(name string, allowed []string) bool {
	return slices.Contains(v.known(allowed), name) || slices.Contains(platformVariables(), name)
}
