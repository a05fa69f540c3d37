package expression

import (
	"testing"
)

func TestExpand(t *testing.T) {
	vars := map[string]string{"OS": "linux", "ARCH": "amd64", "WINDOWS": "", "TRICKY": "${OS} $$ }"}
	for _, c := range []struct{ name, text, want string }{
		{"no variable", "bin/x", "bin/x"},
		{"variables", "${OS}-${ARCH}", "linux-amd64"},
		{"a default is not needed", "${OS:-none}", "linux"},
		{"a default is needed", "a-${WINDOWS:-none}", "a-none"},
		{"an empty default", "a${WINDOWS:-}b", "ab"},
		{"a default of variables", "${WINDOWS:-${OS}/${ARCH}}.", "linux/amd64."},
		{"defaults of defaults", "${WINDOWS:-${WINDOWS:-x}}", "x"},
		{"a dollar", "$${OS} costs 5$$", "${OS} costs 5$"},
		{"three dollars", "$$${OS}", "$linux"},
		{"other dollars", `^v[0-9]+$ $HOME $1`, `^v[0-9]+$ $HOME $1`},
		{"braces", "{a} }", "{a} }"},
		{"a brace in a default", "${WINDOWS:-{$}}", "{}"},
		{"values are not expanded again", "${TRICKY}", "${OS} $$ }"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Expand(c.text, vars); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestExpandPanicsForInvalidText(t *testing.T) {
	for _, text := range []string{"${UNKNOWN}", "${", "${OS", "${a b}", "${:-x}", "${OS:x}", "${OS:-x", "${1}"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q expanded", text)
				}
			}()
			Expand(text, map[string]string{"OS": "linux"})
		}()
	}
}

// FuzzParse checks that an expression has the same meaning after String and Parse, which is the
// form of fields between Load and Expand, and that values are preserved.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"${A:-${B}x}$$", "$}", "${A:-$}}", "$$$", "a${B}}"} {
		f.Add(s, "value")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		parsed, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(parsed.String())
		if err != nil {
			t.Fatalf("%q became %q: %v", text, parsed, err)
		}
		vars := map[string]string{}
		for _, name := range parsed.Names() {
			vars[name] = value
		}
		if a, b := parsed.expand(text, vars), again.expand(text, vars); a != b {
			t.Errorf("%q means %q, and as %q it means %q", text, a, parsed, b)
		}
		inFallback := Expression{{Name: "X", HasFallback: true, Fallback: Literal(value)}}
		if got := Expand(inFallback.String(), map[string]string{"X": ""}); got != value {
			t.Errorf("%q came out of a default as %q", value, got)
		}
		if got := Expand(Literal(value).String(), nil); got != value {
			t.Errorf("%q came out as %q", value, got)
		}
	})
}
