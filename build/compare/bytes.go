package compare

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// window is the number of bytes around a difference that are searched for its cause, and shown is the number of those
// that a message shows.
const (
	window = 256
	shown  = 48
)

// A span describes where two streams differ.
type span struct {
	first int64 // offset of the first difference, or -1
	count int64 // number of bytes that differ, up to the end of the shorter stream
	// before has the bytes before the first difference; a and b have those of each stream from there on.
	before, a, b []byte
	sizeA, sizeB int64
}

// compareStreams reads two streams to their ends.
func (r *run) compareStreams(first, second io.Reader) (span, error) {
	a := bufio.NewReaderSize(streams.WithContext(r.ctx, first), 1<<16)
	b := bufio.NewReaderSize(streams.WithContext(r.ctx, second), 1<<16)
	s := span{first: -1}
	bufA, bufB := make([]byte, 1<<15), make([]byte, 1<<15)
	var recent []byte
	for {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		for i := range min(n, m) {
			if bufA[i] == bufB[i] {
				continue
			}
			if s.first < 0 {
				s.first = s.sizeA + int64(i)
				s.before = lastOf(append(recent, bufA[:i]...))
				s.a, s.b = rest(bufA[i:n], a), rest(bufB[i:m], b)
			}
			s.count++
		}
		if s.first < 0 && n != m {
			at := min(n, m)
			s.first = s.sizeA + int64(at)
			s.before = lastOf(append(recent, bufA[:at]...))
			s.a, s.b = rest(bufA[at:n], a), rest(bufB[at:m], b)
		}
		recent = lastOf(append(recent, bufA[:n]...))
		s.sizeA, s.sizeB = s.sizeA+int64(n), s.sizeB+int64(m)
		for _, err := range []error{errA, errB} {
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return s, err
			}
		}
		if errA != nil || errB != nil {
			moreA, err := io.Copy(io.Discard, a)
			if err != nil {
				return s, err
			}
			moreB, err := io.Copy(io.Discard, b)
			s.sizeA, s.sizeB = s.sizeA+moreA, s.sizeB+moreB
			return s, err
		}
	}
}

// lastOf returns a copy of the last bytes of b.
func lastOf(b []byte) []byte { return append([]byte(nil), b[max(0, len(b)-window):]...) }

// rest returns a copy of b, continued from r without reading it, up to the window.
func rest(b []byte, r *bufio.Reader) []byte {
	out := append([]byte(nil), b[:min(len(b), window)]...)
	if missing := window - len(out); missing > 0 {
		more, _ := r.Peek(missing) // fewer at the end
		out = append(out, more...)
	}
	return out
}

// bytes reports the first byte at which two files differ. The files are known to differ.
func (r *run) bytes(path []string, first, second string) error {
	a, err := regular.Open(first)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := regular.Open(second)
	if err != nil {
		return err
	}
	defer b.Close()
	s, err := r.compareStreams(a, b)
	if err != nil {
		return err
	}
	described, cause := r.describe(s, "")
	r.say(path, "%s", described+cause)
	return nil
}

// describe says where two streams differ, and the cause if it is known. part names the part of a file that they are; empty
// means the whole file.
func (r *run) describe(s span, part string) (where, cause string) {
	out := fmt.Sprintf("byte %d differs", s.first)
	if part != "" {
		out = fmt.Sprintf("byte %d of %s differs", s.first, part)
	}
	if s.count > 1 {
		out += fmt.Sprintf(", and %d more", s.count-1)
	}
	if s.sizeA != s.sizeB {
		out += fmt.Sprintf("; the sizes are %d and %d bytes", s.sizeA, s.sizeB)
	}
	a, b := excerpt(s.before, s.a), excerpt(s.before, s.b)
	out += fmt.Sprintf(": %s and %s", a, b)
	return out, r.cause(join(s.before, s.a), join(s.before, s.b))
}

func join(a, b []byte) string { return string(a) + string(b) }

// excerpt formats bytes for messages: as text, with the text before them, if they are printable; else in hexadecimal.
func excerpt(before, at []byte) string {
	if len(at) == 0 {
		return "the end"
	}
	at = at[:min(len(at), shown)]
	printable := func(c byte) bool { return c >= ' ' && c < 0x7f }
	n := 0
	for n < len(at) && printable(at[n]) {
		n++
	}
	start := len(before)
	for start > 0 && printable(before[start-1]) && len(before)-start < shown/2 {
		start--
	}
	if n+len(before)-start < 4 {
		return fmt.Sprintf("%x", at[:min(len(at), 16)])
	}
	return fmt.Sprintf("%q", string(before[start:])+string(at[:n]))
}

// Patterns of times and paths, which a reproducible build does not write.
var (
	timeText = regexp.MustCompile(`\d{4}-\d\d-\d\d[T _]\d\d:?\d\d|\d{8}[T-]\d{4}|(Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +\w+ +\w+ +\d\d|\b1[6-9]\d{8}\b|\b1[6-9]\d{11,17}\b`)
	pathText = regexp.MustCompile(`(/tmp|/var/folders|/home|/root|/Users|/build|/work|[A-Za-z]:\\)[/\\][^\x00"' ]+`)
)

// cause names the likely causes of a difference between two texts, or returns "".
func (r *run) cause(a, b string) string {
	var causes []string
	for _, c := range r.clues {
		inFirst := c.First != "" && strings.Contains(a, c.First) && !strings.Contains(b, c.First)
		inSecond := c.Second != "" && strings.Contains(b, c.Second) && !strings.Contains(a, c.Second)
		if (inFirst || inSecond) && !slices.Contains(causes, c.What) {
			causes = append(causes, c.What)
		}
	}
	if x, y := timeText.FindString(a), timeText.FindString(b); x != "" && y != "" && x != y {
		causes = append(causes, "a time, perhaps of the clock (use SOURCE_DATE_EPOCH or ${DATE})")
	}
	if x, y := pathText.FindString(a), pathText.FindString(b); len(causes) == 0 && x != "" && y != "" && x != y {
		causes = append(causes, "a path of the build machine")
	}
	if len(causes) == 0 {
		return ""
	}
	return "; it contains " + strings.Join(causes, ", ")
}

// hexText matches digests, whole or cut off.
var hexText = regexp.MustCompile(`[0-9a-f]{32,}`)

// follows reports whether two texts differ in digests alone, which follow from other differences.
func follows(a, b string) bool {
	return hexText.ReplaceAllString(a, "") == hexText.ReplaceAllString(b, "")
}
