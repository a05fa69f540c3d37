package streams

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// closing reports that it was closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

func TestReadAhead(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 300_000)
	failure := errors.New("failure")
	for name, c := range map[string]struct {
		source io.Reader
		want   []byte
		err    error
	}{
		"to the end":      {bytes.NewReader(content), content, nil},
		"in short pieces": {iotest.HalfReader(bytes.NewReader(content)), content, nil},
		"bytes with EOF":  {iotest.DataErrReader(bytes.NewReader(content[:10])), content[:10], nil},
		"nothing":         {bytes.NewReader(nil), nil, nil},
		"until it fails":  {io.MultiReader(bytes.NewReader(content), iotest.ErrReader(failure)), content, failure},
	} {
		t.Run(name, func(t *testing.T) {
			source := &closing{Reader: c.source}
			r := ReadAhead(source)
			got, err := io.ReadAll(r)
			if !bytes.Equal(got, c.want) || !errors.Is(err, c.err) {
				t.Errorf("read %d bytes, %v; want %d bytes, %v", len(got), err, len(c.want), c.err)
			}
			if _, again := r.Read(make([]byte, 1)); c.err != nil && !errors.Is(again, c.err) {
				t.Errorf("the next read: %v", again)
			}
			if err := r.Close(); err != nil || !source.closed {
				t.Errorf("close: %v, closed %v", err, source.closed)
			}
		})
	}
}

func TestReadAheadEndsWhenClosed(t *testing.T) {
	source := &closing{Reader: endless{}}
	r := ReadAhead(source)
	if _, err := io.ReadFull(r, make([]byte, 3*aheadSize)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil || !source.closed {
		t.Errorf("close: %v, closed %v", err, source.closed)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
