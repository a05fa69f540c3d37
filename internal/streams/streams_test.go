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

func TestVerified(t *testing.T) {
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	wrong := errors.New("wrong")
	for _, want := range []string{abc, "another"} {
		calls := 0
		// The last bytes arrive together with io.EOF, or before it.
		for _, r := range []io.Reader{strings.NewReader("abc"), iotest.DataErrReader(strings.NewReader("abc"))} {
			got, err := io.ReadAll(Verified(r, func(sum string, size int64) error {
				calls++
				if sum != abc || size != 3 {
					t.Errorf("check of %s, %d bytes", sum, size)
				}
				if sum != want {
					return wrong
				}
				return nil
			}))
			if string(got) != "abc" || (want == abc) != (err == nil) || err != nil && err != wrong {
				t.Errorf("want %s: read %q, %v", want, got, err)
			}
		}
		if calls != 2 {
			t.Errorf("%d checks, want 2", calls)
		}
	}
	broken := errors.New("broken")
	_, err := io.ReadAll(Verified(iotest.ErrReader(broken), func(string, int64) error { return wrong }))
	if err != broken {
		t.Errorf("a reader that fails: %v, want %v", err, broken)
	}
}
