package statement

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hexB    = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func TestStatementHasCanonicalBytes(t *testing.T) {
	subject, err := NewSubject("bin/<x>", digestA)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"_type":"https://in-toto.io/Statement/v1","predicate":{"a":"<é>","b":9007199254740993,"c":{}},"predicateType":` +
		`"https://slsa.dev/provenance/v1","subject":[{"digest":{"sha256":"` + strings.Repeat("a", 64) + `"},"name":"bin/<x>"}]}`
	for _, predicate := range []any{
		map[string]any{"c": struct{}{}, "a": "<é>", "b": int64(9007199254740993)},
		json.RawMessage("{ \"b\": 9007199254740993,\n \"c\":{}, \"a\": \"\\u003c\\u00e9>\" }"),
	} {
		s, err := New(Provenance, predicate, subject)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Error(diff)
		}
		read, err := Read(got)
		if err != nil {
			t.Fatal(err)
		}
		if !read.About(digestA) || read.About("sha256:"+hexB) || read.About("sha256:") || read.About("") {
			t.Errorf("About does not tell the subjects %v", read.Subjects)
		}
		theirs := &intoto.Statement{}
		if err := protojson.Unmarshal(got, theirs); err != nil {
			t.Fatal(err)
		}
		if err := theirs.Validate(); err != nil {
			t.Errorf("in-toto's own type: %v", err)
		}
	}
}

// The text that protojson makes differs between builds of a program, so it must not be signed.
func TestProtobufPredicateIsCanonical(t *testing.T) {
	predicate, err := structpb.NewStruct(map[string]any{"b": 1, "a": []any{true, "x"}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(VerificationSummary, predicate, Subject{Digest: map[string]string{"sha256": hexB}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if want := `"predicate":{"a":[true,"x"],"b":1},`; !strings.Contains(string(got), want) {
		t.Errorf("%s has no %s", got, want)
	}
}

func TestForeignStatements(t *testing.T) {
	statement := func(members string) string { return `{"_type":"https://in-toto.io/Statement/v1",` + members + `}` }
	const rest = `"predicateType":"t","predicate":{}`
	subject := func(s string) string { return statement(`"subject":[` + s + `],` + rest) }
	for _, c := range []struct{ name, in, want string }{
		{"version 0.1", `{"_type":"https://in-toto.io/Statement/v0.1","subject":[{"digest":{"sha256":"` + hexB + `"}}],` + rest + `}`, ""},
		{"unknown members", statement(`"x":1,"subject":[{"uri":"u","annotations":{"a":[]},"digest":{"gitCommit":"ab","sha256":"` + hexB + `"}}],` + rest), ""},
		{"another type", `{"_type":"https://in-toto.io/Statement/v2","subject":[],` + rest + `}`, "Statement/v2"},
		{"not an object", `[]`, "reading a statement"},
		{"an end that is missing", `{"_type":"x"`, "reading a statement"},
		{"text behind it", subject(`{"digest":{"sha256":"`+hexB+`"}}`) + "{}", "reading a statement"},
		{"a duplicate member", statement(`"subject":[],"subject":[{"digest":{"sha256":"` + hexB + `"}}],` + rest), "duplicate"},
		{"a duplicate in the predicate", statement(`"subject":[{"digest":{"sha256":"` + hexB + `"}}],"predicateType":"t","predicate":{"a":{"b":1,"b":2}}`), "duplicate"},
		{"a duplicate by escapes", statement(`"subject":[{"digest":{"sha256":"` + hexB + `"}}],"predicateType":"t","predicate":{"a":1,"\u0061":2}`), "duplicate"},
		{"a duplicate digest", subject(`{"digest":{"sha256":"` + hexB + `","sha256":"` + hexB + `"}}`), "duplicate"},
		{"a member in another case", statement(`"Subject":[],"subject":[{"digest":{"sha256":"` + hexB + `"}}],` + rest), `"Subject"`},
		{"a member as protobuf spells it", statement(`"predicate_type":"t2","subject":[{"digest":{"sha256":"` + hexB + `"}}],` + rest), `"predicate_type"`},
		{"a digest in another case", subject(`{"Digest":{},"digest":{"sha256":"` + hexB + `"}}`), `"Digest"`},
		{"no subject", statement(`"subject":[],` + rest), "subject is missing"},
		{"no digest", subject(`{"name":"x"}`), `"x" has no digest`},
		{"a subject that is null", subject(`null`), "has no digest"},
		{"a short digest", subject(`{"digest":{"sha256":"bb"}}`), "64 digits"},
		{"upper-case hex", subject(`{"digest":{"sha256":"` + strings.ToUpper(hexB) + `"}}`), "lower-case"},
		{"no predicate type", statement(`"subject":[{"digest":{"sha256":"` + hexB + `"}}],"predicate":{}`), "predicate type is missing"},
		{"no predicate", statement(`"subject":[{"digest":{"sha256":"` + hexB + `"}}],"predicateType":"t"`), "predicate is not"},
		{"a predicate that is null", statement(`"subject":[{"digest":{"sha256":"` + hexB + `"}}],"predicateType":"t","predicate":null`), "predicate is not"},
		{"not UTF-8", subject(`{"name":"` + "\xff" + `","digest":{"sha256":"` + hexB + `"}}`), "UTF-8"},
		{"half of a surrogate", subject(`{"name":"\ud800","digest":{"sha256":"` + hexB + `"}}`), "surrogate"},
		{"deep nesting", statement(`"subject":[{"digest":{"sha256":"` + hexB + `"}}],"predicateType":"t","predicate":{"a":` + strings.Repeat("[", 1_000_000)), "depth"},
		{"too large", strings.Repeat(" ", maxSize+1), "larger than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read([]byte(c.in))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("Read: %v, want %q", err, c.want)
			}
		})
	}
}

func TestNewSubjectRefusesDigests(t *testing.T) {
	for _, digest := range []string{"", "sha256", "sha256:", hexB, "md5:" + hexB, "sha512:" + hexB, "sha256:" + strings.ToUpper(hexB)} {
		if _, err := NewSubject("x", digest); err == nil {
			t.Errorf("%q is accepted", digest)
		}
	}
}

// FuzzRead checks that a statement that was read encodes to bytes that are read as the same statement, and that
// in-toto's own types accept.
func FuzzRead(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(`{"_type":%q,"subject":[{"name":"x","digest":{"sha256":%q}}],"predicateType":"t","predicate":{"a":[1.5,null]}}`, typeV1, hexB)))
	f.Add([]byte(fmt.Sprintf(`{"_type":%q,"subject":[{"digest":{"x":"y"}},null],"predicateType":"t","predicate":{}}`, typeV01)))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := Read(in)
		if err != nil {
			return
		}
		first, err := s.Encode()
		if err != nil {
			t.Skip() // a number beyond those of RFC 8785
		}
		again, err := Read(first)
		if err != nil {
			t.Fatalf("reading %s: %v", first, err)
		}
		second, err := again.Encode()
		if err != nil || string(second) != string(first) {
			t.Fatalf("%s became %s: %v", first, second, err)
		}
		if diff := cmp.Diff(s.Subjects, again.Subjects); diff != "" {
			t.Fatal(diff)
		}
	})
}
