package config

import (
	"errors"
	"regexp"
	"strings"

	"github.com/slipway-build/slipway/build/config/expression"
	"github.com/slipway-build/slipway/build/version"
)

// A describer returns a description of the tags with a prefix that match a pattern; see version.Describe.
type describer func(prefix string, pattern *regexp.Regexp) (version.Description, error)

// deepen is the advice for shallow clones.
const deepen = "fetch its history (git fetch --unshallow --tags; in GitHub Actions, fetch-depth: 0 of actions/checkout)"

// prefixShape matches a subset of the prefixes that git allows in tags (git check-ref-format).
var prefixShape = regexp.MustCompile(`^[0-9A-Za-z_@][0-9A-Za-z_@.+/-]*$`)

// scheme returns the scheme by which git tags are versions.
func (v *variables) scheme() (version.Scheme, bool) {
	base, prefix, expr := v.field("version.base", ""), v.field("version.tag-prefix", ""), v.field("version.pattern", version.DefaultPattern)
	if base.bad || prefix.bad || expr.bad {
		return version.Scheme{}, false
	}
	s := version.Scheme{Base: base.value.Text(), Prefix: prefix.value.Text()}
	if s.Prefix != "" && (!prefixShape.MatchString(s.Prefix) || strings.Contains(s.Prefix, "..") || strings.Contains(s.Prefix, "//")) {
		v.problems.add(v.position(v.fields["version.tag-prefix"]), "version.tag-prefix %q: want the beginning of a git tag, such as cmd/x/", s.Prefix)
		return s, false
	}
	var err error
	if s.Pattern, err = regexp.Compile(expr.value.Text()); err != nil {
		v.problems.add(v.position(v.fields["version.pattern"]), "version.pattern: %v", err)
	}
	return s, err == nil
}

// history describes the checkout, once, by the scheme of the file.
func (v *variables) history() (version.Description, error) {
	if v.described == nil {
		v.described = &version.Description{}
		s, ok := v.scheme()
		if !ok || v.head.Commit == "" {
			return *v.described, nil
		}
		d, err := v.describe(s.Prefix, s.Pattern)
		if err != nil && !errors.Is(err, version.ErrNoRepository) {
			return d, err
		}
		v.described = &d
	}
	return *v.described, nil
}

// previousTag returns the nearest earlier tag. In a shallow clone without a tag, it is unknown.
func (v *variables) previousTag() variable {
	at := v.asked
	d, err := v.history()
	switch {
	case err != nil:
		v.problems.add(at, "PREVIOUS_TAG: %v", err)
	case d.Previous == "" && d.Shallow:
		v.problems.add(at, "PREVIOUS_TAG is unknown, since the clone is shallow: %s", deepen)
	default:
		return variable{value: expression.Literal(d.Previous)}
	}
	return variable{bad: true}
}
