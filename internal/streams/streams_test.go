package streams

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestAReaderEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	r := WithContext(ctx, strings.NewReader("abc"))
	if n, err := r.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("got %d bytes, %v", n, err)
	}
	stopped := errors.New("stopped")
	cancel(stopped)
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != stopped {
		t.Errorf("got %d bytes, %v; want 0, %v", n, err, stopped)
	}
}

func TestExactly(t *testing.T) {
	for _, c := range []struct {
		text string
		size int64
		want string
		err  error
	}{
		{"", 0, "", nil},
		{"abc", 0, "", nil},
		{"abc", 2, "ab", nil},
		{"abc", 3, "abc", nil},
		{"abc", 4, "abc", io.ErrUnexpectedEOF},
	} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"as it comes": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with its end": iotest.DataErrReader,
		} {
			got, err := io.ReadAll(Exactly(wrap(strings.NewReader(c.text)), c.size))
			if string(got) != c.want || err != c.err {
				t.Errorf("%d bytes of %q, %s: got %q, %v; want %q, %v", c.size, c.text, name, got, err, c.want, c.err)
			}
		}
	}
}

func TestNoEOF(t *testing.T) {
	other := errors.New("other")
	for err, want := range map[error]error{io.EOF: io.ErrUnexpectedEOF, other: other} {
		if got := NoEOF(err); got != want {
			t.Errorf("%v: got %v, want %v", err, got, want)
		}
	}
	if NoEOF(nil) != nil {
		t.Error("nil became an error")
	}
}
