package vex

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const head = `{
  "@context": "https://openvex.dev/ns/v0.2.0",
  "@id": "https://example.com/vex/1",
  "author": "Acme",
  "timestamp": "2026-01-01T00:00:00Z",
  "version": 1,
  "statements": [
`

const good = head + `    {"vulnerability": {"name": "CVE-2026-1"}, "products": [{"@id": "pkg:oci/acme-runtime"}],
     "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path"},
    {"vulnerability": {"name": "CVE-2026-2"}, "products": [{"@id": "pkg:oci/acme-runtime"}],
     "status": "fixed"}
  ]
}
`

func TestCheck(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"good", good, ""},
		{"not JSON", "{\n\n  x", "line 3: invalid character 'x' at start of value at \"\""},
		{"empty", "", "line 1: unexpected EOF at \"\""},
		{"a list", "[]", "line 1: json: cannot unmarshal"},
		{"a duplicate", strings.Replace(good, `"version": 1,`, "\"version\": 1,\n\"version\": 2,", 1), `line 7: duplicate object member name at "/version"`},
		{"another type", strings.Replace(good, `"version": 1`, `"version": "1"`, 1), "line 6: json: cannot unmarshal string"},
		{"a time that is none", strings.Replace(good, "2026-01-01T00:00:00Z", "today", 1), "line 1: parsing time"},
		{"nothing in it", "{}", `line 1: missing "@context": https://openvex.dev/ns/v0.2.0
line 1: missing "@id": an IRI of the document
line 1: missing "author": who states this
line 1: missing "timestamp": when the document was issued, in RFC 3339
line 1: missing "version": a number from 1
line 1: missing "statements": at least one`},
		{"another format", strings.Replace(good, "https://openvex.dev/ns/v0.2.0", "https://cyclonedx.org", 1), `line 1: the @context "https://cyclonedx.org" is not that of OpenVEX`},
		{"statements", head + `    {"vulnerability": {"name": "CVE-2026-1"}, "products": [{"@id": "x"}], "status": "not_affected"},

    {"status": "harmless"},
    {"vulnerability": {"name": "CVE-2026-3"}, "products": [{}], "status": "affected"}]}`,
			`line 8: CVE-2026-1: either justification or impact statement must be defined when using status "not_affected"
line 10: the statement has no vulnerability: want {"name": "CVE-…"}
line 10: the statement: invalid status value "harmless", must be one of [not_affected, affected, fixed, under_investigation]
line 10: the statement: the statement has no products, so that it is about nothing
line 11: CVE-2026-3: action statement must be set when using status "affected"
line 11: CVE-2026-3: a product has neither @id, identifiers nor hashes`},
		{"statements that are none", "{\"statements\": [null,\n{},\n[{}], 1]}", "line 1: the statement is not an object\nline 3: the statement is not an object\nline 3: the statement is not an object"},
		{"a name in another case", "{\n\"Statements\": [{}]}", "line 2: \"Statements\" is not a member of a document: want \"statements\""},
		{"statements in two cases", "{\"statements\": [{}],\n\"STATEMENTS\": [{}, {}]}", "line 2: \"STATEMENTS\" is not a member"},
		{"too large", strings.Repeat(" ", maxSize+1), "line 1: the document has 16777217 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines []string
			for _, p := range Check([]byte(c.in)) {
				lines = append(lines, fmt.Sprintf("line %d: %s", p.Line, p.Text))
			}
			got := strings.Join(lines, "\n")
			if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
				t.Error(cmp.Diff(c.want, got))
			}
		})
	}
}

// The time to find the lines of statements is linear: counting each from the start takes many seconds here.
func TestManyStatements(t *testing.T) {
	const count = 200_000
	found := Check([]byte("{\"statements\": [" + strings.Repeat("{},\n", count) + "null]}"))
	if len(found) != 1 || found[0].Line != count+1 {
		t.Errorf("problems %v, want one on line %d", found, count+1)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(good))
	for _, seed := range []string{`{"statements":[1,null,{"products":[null]}]}`, `{"statements":[null]}`, `{"statements":[null,{}]}`,
		`{"Statements":[{}]}`, `{"statements":[{}],"\u017ftatements":[{},{}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { _ = Check(raw) })
}
