package progress

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/slipway-build/slipway/internal/redact"
)

// maxLine limits the length of a line, in bytes. A name in a foreign archive may have megabytes.
const maxLine = 4096

// Printable returns text in a form that is safe for a terminal: without characters and escape
// sequences that move the cursor, change the terminal or reorder text, and with lines of at most a
// few thousand bytes. Names and lines come from files, programs and registries of third parties.
func Printable(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}

// printable is Printable for a single line, in which tabs become spaces. Escape sequences for
// colors are removed completely.
func printable(s string) string {
	s = bounded(s)
	if utf8.ValidString(s) && !strings.ContainsFunc(s, isControl) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] == '\x1b' {
			i += escapeLength(s[i:])
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	// Map replaces invalid UTF-8, which some terminals interpret, with U+FFFD.
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case isControl(r):
			return -1
		}
		return r
	}, b.String())
}

// bounded omits the middle of a long line.
func bounded(line string) string {
	if len(line) <= maxLine {
		return line
	}
	head, tail := maxLine*3/4, len(line)-maxLine/8
	for !utf8.RuneStart(line[head]) && head > 0 {
		head--
	}
	for tail < len(line) && !utf8.RuneStart(line[tail]) {
		tail++
	}
	return fmt.Sprintf("%s… (%d bytes omitted) …%s", line[:head], tail-head, line[tail:])
}

// isControl reports whether r is in C0 or C1 (ECMA-48), DEL, or changes the direction of text.
func isControl(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || unicode.Is(unicode.Bidi_Control, r)
}

// escapeLength returns the length of the escape sequence at the start of s: ESC [ parameters final
// (ECMA-48 5.4), else the escape character alone.
func escapeLength(s string) int {
	if !strings.HasPrefix(s, "\x1b[") {
		return 1
	}
	for i := 2; i < len(s); i++ {
		if s[i] >= 0x40 && s[i] <= 0x7e {
			return i + 1
		}
	}
	return len(s)
}

// Presentable returns err with a text that is Printable and contains no secrets.
func Presentable(err error) error {
	if err == nil {
		return nil
	}
	err = redact.Error(err)
	if text := Printable(err.Error()); text != err.Error() {
		return &presentable{err, text}
	}
	return err
}

type presentable struct {
	error
	text string
}

func (e *presentable) Error() string { return e.text }
func (e *presentable) Unwrap() error { return e.error }

// Clean returns a writer to w for results, text or JSON. It writes control characters other than
// newlines and tabs as in JSON, such as \u001b. A character must not be split between two writes.
func Clean(w io.Writer) io.Writer { return cleaner{w} }

type cleaner struct{ w io.Writer }

func (c cleaner) Write(p []byte) (int, error) {
	s := string(p)
	if utf8.ValidString(s) && !strings.ContainsFunc(s, isUnclean) {
		return c.w.Write(p)
	}
	var b strings.Builder
	for _, r := range s { // invalid UTF-8 becomes U+FFFD
		if isUnclean(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	if _, err := io.WriteString(c.w, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

func isUnclean(r rune) bool { return r != '\n' && r != '\t' && isControl(r) }
