package convert

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// text returns the value of an attribute as text. A value that depends on a function, or is not text, becomes a
// leftover.
func (b *bakeFile) text(attr *hcl.Attribute) (string, bool) {
	value, ok := b.value(attr)
	if !ok {
		return "", false
	}
	return textOf(value)
}

// one is text for an attribute that may be missing.
func (b *bakeFile) one(attr *hcl.Attribute) string {
	if attr == nil {
		return ""
	}
	text, _ := b.text(attr)
	return text
}

func (b *bakeFile) value(attr *hcl.Attribute) (cty.Value, bool) {
	value, problems := attr.Expr.Value(b.eval)
	if problems.HasErrors() || !plain(attr.Expr) {
		b.c.leave(attr.Range.Start.Line, attr.Name, "the expression is not converted: write its value")
		return cty.NilVal, false
	}
	return value, true
}

// plain reports whether an expression has no function, condition or operator, which would get the name of a variable
// instead of its value.
func plain(e hcl.Expression) bool {
	node, ok := e.(hclsyntax.Node)
	if !ok {
		return true // JSON
	}
	all := true
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n.(type) {
		case *hclsyntax.FunctionCallExpr, *hclsyntax.ConditionalExpr, *hclsyntax.BinaryOpExpr, *hclsyntax.UnaryOpExpr, *hclsyntax.ForExpr:
			all = false
		}
		return nil
	})
	return all
}

func textOf(v cty.Value) (string, bool) {
	switch {
	case v.IsNull() || !v.IsKnown():
		return "", true
	case v.Type() == cty.String:
		return v.AsString(), true
	case v.Type() == cty.Bool:
		return fmt.Sprint(v.True()), true
	case v.Type() == cty.Number:
		return v.AsBigFloat().Text('f', -1), true
	}
	return "", false
}

// list returns the texts of an attribute that is a list. The attribute may be missing.
func (b *bakeFile) list(attr *hcl.Attribute) []string {
	if attr == nil {
		return nil
	}
	value, ok := b.value(attr)
	if !ok || value.IsNull() || !value.CanIterateElements() {
		return nil
	}
	var all []string
	for _, element := range value.AsValueSlice() {
		if text, ok := textOf(element); ok && text != "" {
			all = append(all, text)
		}
	}
	return all
}

// mapping adds the texts of an attribute that is a mapping.
func (b *bakeFile) mapping(into map[string]string, attr *hcl.Attribute) {
	if attr == nil {
		return
	}
	value, ok := b.value(attr)
	if !ok || value.IsNull() || !(value.Type().IsObjectType() || value.Type().IsMapType()) {
		if ok {
			b.c.leave(attr.Range.Start.Line, attr.Name, "it is not a mapping")
		}
		return
	}
	for key, element := range value.AsValueMap() {
		if text, ok := textOf(element); ok {
			into[key] = text
		}
	}
}
