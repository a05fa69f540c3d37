package streams

import (
	"context"
	"errors"
	"io"
)

// WithContext returns a reader of r that fails with the cause of ctx once ctx ends. A
// Read that is under way is not interrupted.
func WithContext(ctx context.Context, r io.Reader) io.Reader { return &contextReader{ctx, r} }

// A contextReader may store its context: it never outlives the call that made it.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// WriterWithContext returns a writer to w that fails with the cause of ctx once ctx ends. A
// Write that is under way is not interrupted.
func WriterWithContext(ctx context.Context, w io.Writer) io.Writer { return &contextWriter{ctx, w} }

// A contextWriter may store its context: it never outlives the call that made it.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c *contextWriter) Write(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

// A Func is a function that implements io.Reader.
type Func func(p []byte) (int, error)

// Read calls f.
func (f Func) Read(p []byte) (int, error) { return f(p) }

// NoEOF turns io.EOF into io.ErrUnexpectedEOF, for content whose size is known.
func NoEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Exactly returns a reader of the next size bytes of r. If r ends early, the error is
// io.ErrUnexpectedEOF.
func Exactly(r io.Reader, size int64) io.Reader {
	return Func(func(p []byte) (int, error) {
		if size == 0 {
			return 0, io.EOF
		}
		n, err := r.Read(p[:min(int64(len(p)), size)])
		if size -= int64(n); size > 0 {
			return n, NoEOF(err)
		}
		return n, nil
	})
}
