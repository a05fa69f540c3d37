package sniff

import (
	"bufio"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// maxWindow is the largest zstd window that Open reads, in bytes: the limit of
// zstd --long without an argument. It bounds the memory that a stream can ask for.
const maxWindow = 128 << 20

// ErrTrailing is returned after the end of compressed data that is followed by
// something else: neither more compressed data nor, for gzip and xz, padding. What
// was read before is complete, and its checksum is right. GNU tar and Docker ignore
// such bytes. Of xz it is not told apart from damage.
var ErrTrailing = errors.New("what follows the end of the compressed data is neither more of it nor padding")

// bufferSize is how much is read from below at a time.
const bufferSize = 64 << 10

// Open returns the compression of r and a reader of what r holds uncompressed.
// Closing that reader does not close r, of which bytes may be left: those behind
// the end of what is compressed. Options are further ones of the zstd decoder; a
// window in them takes the place of maxWindow.
func Open(r io.Reader, options ...zstd.DOption) (Compression, io.ReadCloser, error) {
	buffered := bufio.NewReaderSize(r, bufferSize)
	head, err := buffered.Peek(HeadLen)
	if err != nil && err != io.EOF {
		return None, nil, err
	}
	compression := CompressionOf(head)
	content, err := compression.NewReader(buffered, options...)
	return compression, content, err
}

// NewReader returns a reader of what r holds, which is compressed by c. Options are
// as in Open.
func (c Compression) NewReader(r io.Reader, options ...zstd.DOption) (io.ReadCloser, error) {
	switch c {
	case None:
		return io.NopCloser(r), nil
	case Gzip:
		return newGzipReader(r)
	case Zstd:
		d, err := zstd.NewReader(r, append([]zstd.DOption{zstd.WithDecoderMaxWindow(maxWindow)}, options...)...)
		if err != nil {
			return nil, fmt.Errorf("decompressing zstd: %w", err)
		}
		return &trailed{d.IOReadCloser(), func(err error) bool { return errors.Is(err, zstd.ErrMagicMismatch) }}, nil
	case Bzip2:
		return &trailed{io.NopCloser(bzip2.NewReader(r)), func(err error) bool {
			return err == bzip2.StructuralError("bad magic value in continuation file")
		}}, nil
	case Xz:
		x, err := xz.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("decompressing xz: %w", err)
		}
		return io.NopCloser(x), nil
	}
	return nil, fmt.Errorf("decompressing %s is not supported; decompress it first", c)
}

// trailed tells by its decoder's errors that something else follows the end.
type trailed struct {
	io.ReadCloser
	isTrailing func(error) bool
}

func (t *trailed) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	return n, t.told(err)
}

// WriteTo uses that of the decoder, if it has one.
func (t *trailed) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, t.ReadCloser)
	return n, t.told(err)
}

func (t *trailed) told(err error) error {
	if err != nil && t.isTrailing(err) {
		return fmt.Errorf("%w: %w", ErrTrailing, err)
	}
	return err
}

// A gzipReader reads the members of a gzip stream. Zeros after the last member are
// padding, as tapes and block devices need it, and are ignored as gzip(1) does.
type gzipReader struct {
	below *bufio.Reader
	*gzip.Reader
	padding int64
}

// Padding returns how many zeros followed the last member, once r has been read to
// its end. r is a reader that Open or NewReader returned.
func Padding(r io.Reader) int64 {
	if g, ok := r.(*gzipReader); ok {
		return g.padding
	}
	return 0
}

func newGzipReader(r io.Reader) (*gzipReader, error) {
	below, ok := r.(*bufio.Reader)
	if !ok {
		below = bufio.NewReaderSize(r, bufferSize)
	}
	z, err := gzip.NewReader(below)
	if err != nil {
		return nil, fmt.Errorf("decompressing gzip: %w", err)
	}
	z.Multistream(false)
	return &gzipReader{below: below, Reader: z}, nil
}

func (g *gzipReader) Read(p []byte) (int, error) {
	for {
		n, err := g.Reader.Read(p)
		if err != io.EOF {
			return n, err
		}
		if n > 0 {
			return n, nil // the next call goes on to the next member
		}
		if err := g.nextMember(); err != nil {
			return 0, err
		}
	}
}

// WriteTo hides that of the library, which knows nothing of padding.
func (g *gzipReader) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{g})
}

// nextMember begins to read the member that follows, if one does.
func (g *gzipReader) nextMember() error {
	next, err := g.below.Peek(len(gzipMagic))
	if len(next) == 0 {
		return err
	}
	if string(next) == gzipMagic {
		if err := g.Reset(g.below); err != nil {
			return fmt.Errorf("reading what follows a gzip member: %w", noEOF(err))
		}
		g.Multistream(false)
		return nil
	}
	for {
		b, err := g.below.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			return fmt.Errorf("reading what follows a gzip member: %w", ErrTrailing)
		}
		g.padding++
	}
}

// noEOF is err, of what must not end.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
