package document

import (
	"regexp"
	"strings"
	"sync"

	"github.com/github/go-spdx/v2/spdxexp/spdxlicenses"
)

// Licences are the licences of one document.
type licences struct {
	// names are the licences that are not in SPDX's list, by reference.
	names map[string]string
}

// expression returns an SPDX expression for a list of names and expressions, all of which apply, or
// "".
func (l *licences) expression(all []string) string {
	var parts []string
	seen := map[string]bool{}
	for _, name := range all {
		part := l.one(name)
		if part != "" && !seen[part] {
			parts, seen[part] = append(parts, part), true
		}
	}
	if len(parts) > 1 {
		for i, part := range parts {
			if strings.Contains(part, " OR ") {
				parts[i] = "(" + part + ")"
			}
		}
	}
	return strings.Join(parts, " AND ")
}

// words splits an expression into names, operators and parentheses.
var words = regexp.MustCompile(`[()]|[^\s()]+`)

// operators are the operators of SPDX, by the spellings of distributions.
var operators = map[string]string{"and": "AND", "or": "OR", "&": "AND", "|": "OR"}

// one returns the expression for one name or expression. Text that is not a valid expression is
// taken for a name.
func (l *licences) one(name string) string {
	name = strings.Join(strings.Fields(name), " ")
	if name == "" {
		return ""
	}
	if id := licenceID(name); id != "" {
		return id
	}
	var (
		out     strings.Builder
		depth   int
		operand = true // whether an operand is expected next, and not an operator
	)
	all := words.FindAllString(name, -1)
	for i := 0; i < len(all); i++ {
		word := all[i]
		operator := operators[strings.ToLower(word)]
		switch {
		case word == "(" && operand:
			depth++
			out.WriteString("(")
		case word == ")" && !operand && depth > 0:
			depth--
			out.WriteString(")")
		case operator != "" && !operand:
			out.WriteString(" " + operator + " ")
			operand = true
		case operator == "" && operand && word != ")":
			out.WriteString(l.name(word))
			if i+2 < len(all) && strings.EqualFold(all[i+1], "with") {
				if exception := known().exceptions[strings.ToLower(all[i+2])]; exception != "" {
					out.WriteString(" WITH " + exception)
					i += 2
				}
			}
			operand = false
		default:
			return l.reference(name)
		}
	}
	if operand || depth > 0 {
		return l.reference(name)
	}
	return out.String()
}

// name returns the identifier of a licence, or a reference.
func (l *licences) name(word string) string {
	if id := licenceID(word); id != "" {
		return id
	}
	return l.reference(word)
}

// reference returns the reference to a licence that is not in SPDX's list.
func (l *licences) reference(name string) string {
	id := strings.TrimPrefix(name, "LicenseRef-")
	if clean := idString(id); clean != id {
		id = clean[:min(len(clean), 60)] + "-" + shortHash(name)
	}
	id = "LicenseRef-" + id
	if l.names == nil {
		l.names = map[string]string{}
	}
	l.names[id] = name
	return id
}

// aliases are the identifiers of SPDX, by names that distributions use, in lower case.
var aliases = map[string]string{
	"expat": "MIT", "apache-2": "Apache-2.0", "asl 2.0": "Apache-2.0", "asl-2.0": "Apache-2.0", "isc-style": "ISC",
	"bsd-3-clauses": "BSD-3-Clause", "bsd-2-clauses": "BSD-2-Clause", "mplv2.0": "MPL-2.0", "mpl-2": "MPL-2.0", "boost-1.0": "BSL-1.0",
	"psf-2": "PSF-2.0", "cc0": "CC0-1.0",
}

// gnu matches the licences of GNU as distributions spell them: GPL-2+, LGPLv2.1, GFDL-1.3+.
var gnu = regexp.MustCompile(`^(?i)(A?GPL|LGPL|GFDL)[-v]{0,2}([0-9])(\.[0-9])?(\.0)?(\+|-only|-or-later)?$`)

// licenceID returns the identifier of SPDX for a name, or "".
func licenceID(name string) string {
	lower := strings.ToLower(name)
	if id := aliases[lower]; id != "" {
		return id
	}
	if m := gnu.FindStringSubmatch(name); m != nil {
		minor, suffix := m[3], m[5]
		if minor == "" {
			minor = ".0"
			if strings.EqualFold(m[1], "GFDL") {
				return "" // version x.0 does not exist
			}
		}
		switch suffix {
		case "+":
			suffix = "-or-later"
		case "":
			suffix = "-only"
		}
		return known().licences[strings.ToLower(m[1]+"-"+m[2]+minor+suffix)]
	}
	if id := known().licences[lower]; id != "" {
		return id
	}
	if id := known().licences[strings.TrimSuffix(lower, "+")]; id != "" {
		return id + "+"
	}
	return ""
}

// A list is SPDX's list of licences, and of exceptions, by identifier in lower case.
type list struct{ licences, exceptions map[string]string }

// known returns SPDX's list.
var known = sync.OnceValue(func() list {
	l := list{map[string]string{}, map[string]string{}}
	for _, ids := range [][]string{spdxlicenses.GetDeprecated(), spdxlicenses.GetLicenses()} {
		for _, id := range ids {
			l.licences[strings.ToLower(id)] = id
		}
	}
	for _, id := range spdxlicenses.GetExceptions() {
		l.exceptions[strings.ToLower(id)] = id
	}
	return l
})
