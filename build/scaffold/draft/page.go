package draft

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/build/config/expression"
)

// A page is a slipway.yaml that is being written.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	p.WriteString(format + "\n")
}

// doubt writes doubts about the lines before it.
func (p *page) doubt(indent string, doubts ...string) {
	for _, d := range doubts {
		p.line("%s# unsure: %s", indent, oneLine(d))
	}
}

// unsure returns a doubt as the comment at the end of a line.
func unsure(doubt string) string {
	if doubt == "" {
		return ""
	}
	return " # unsure: " + oneLine(doubt)
}

// scalar writes text, which may contain variables, as a YAML value.
func scalar(text string) string {
	data, err := yaml.Marshal(text)
	if err != nil || string(data) != text+"\n" || strings.ContainsAny(text, "${},[]") {
		return strconv.Quote(text) // its escapes are YAML's too
	}
	return text
}

// scalarOrWord is scalar, except that true and false are not text.
func scalarOrWord(text string) string {
	if text == "true" || text == "false" {
		return text
	}
	return scalar(text)
}

// literal writes text that contains no variables as a YAML value.
func literal(text string) string { return scalar(expression.Literal(text).String()) }

func list(items []string) string {
	var scalars []string
	for _, item := range items {
		scalars = append(scalars, scalar(item))
	}
	return "[" + strings.Join(scalars, ", ") + "]"
}

// quoted returns a list in which each item has quotes.
func quoted(items []string) string {
	var all []string
	for _, item := range items {
		all = append(all, strconv.Quote(item))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func mapping(m map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		all = append(all, scalar(key)+": "+strconv.Quote(m[key]))
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// oneLine returns text in a form that is valid in a comment.
func oneLine(text string) string {
	printable := func(r rune) rune {
		if unicode.IsPrint(r) || unicode.IsSpace(r) {
			return r
		}
		return '?'
	}
	return strings.Join(strings.Fields(strings.Map(printable, text)), " ")
}
