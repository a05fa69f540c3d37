package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPrintableText(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain text", "a name, zażółć, 日本", "a name, zażółć, 日本"},
		{"lines", "a\n\tb\nc\n", "a\n b\nc\n"},
		{"colours and cursors", "a\x1b[31mred\x1b[m\x1b[2J\x1b]0;title\ab\rc", "ared]0;titlebc"},
		{"C1", "a\u009b31mb\u0085c\x7fd", "a31mbcd"},
		{"C1 as bytes", "a\x9b31mb", "a\ufffd31mb"},
		{"another direction", "a\u202egnp.exe\u2066b", "agnp.exeb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Printable(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestLongLinesAreBounded(t *testing.T) {
	for _, letter := range []string{"x", "ż", "日", "\xff"} {
		long := strings.Repeat(letter, 10<<20/len(letter))
		err := Presentable(&fs.PathError{Op: "read", Path: long + "-end\nnext", Err: fs.ErrNotExist})
		text := err.Error()
		first, rest, _ := strings.Cut(text, "\n")
		if len(first) > 4*maxLine || !utf8.ValidString(text) || !strings.Contains(first, "bytes omitted") || !strings.HasSuffix(first, "-end") || !strings.HasPrefix(rest, "next") {
			t.Errorf("%q: got %d bytes, ending in %q", letter, len(text), text[max(0, len(text)-60):])
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Error("the error is lost")
		}
	}
}

func TestClean(t *testing.T) {
	var text, doc bytes.Buffer
	w := Clean(&text)
	if n, err := w.Write([]byte("a\tb\x1b[2Jc\u009b\x9b\n")); n != 12 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if want := "a\tb\\u001b[2Jc\\u009b\ufffd\n"; text.String() != want {
		t.Errorf("got %q, want %q", text.String(), want)
	}
	name := "a\u009b\x7f\u202e\x1bb"
	if err := json.NewEncoder(Clean(&doc)).Encode(name); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsFunc(strings.TrimSpace(doc.String()), isControl) {
		t.Errorf("JSON has control characters: %q", doc.String())
	}
	var got string
	if err := json.Unmarshal(doc.Bytes(), &got); err != nil || got != name {
		t.Errorf("read back %q, %v", got, err)
	}
}
