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

// maxWindow is the largest zstd window that Open accepts, in bytes: the limit of zstd --long
// without an argument. It limits the memory that a stream can demand.
const maxWindow = 128 << 20

// ErrTrailing is returned after the end of compressed data that is followed by something other than
// more compressed data or, for gzip and xz, padding. Everything before it was complete and had a
// correct checksum. GNU tar and Docker ignore such bytes. For xz it is also returned for damaged
// data, which cannot be distinguished.
var ErrTrailing = errors.New("the compressed data is followed by bytes that are not compressed data or padding")

// bufferSize is the size of reads from the underlying reader, in bytes.
const bufferSize = 64 << 10

// LowMemory returns options that decode zstd in the calling goroutine and with little memory, for
// callers that open many streams.
func LowMemory() []zstd.DOption {
	return []zstd.DOption{zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true)}
}

// Open returns the compression of r and a reader of its uncompressed content. Closing that reader
// does not close r. Bytes after the end of the compressed data may be left in r. Options are passed
// to the zstd decoder; a window among them replaces maxWindow.
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

// NewReader returns a reader of the content of r, which is compressed with c. For the options, see
// Open.
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

// trailed returns ErrTrailing for errors of the decoder that mean trailing bytes.
type trailed struct {
	io.ReadCloser
	isTrailing func(error) bool
}

func (t *trailed) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	return n, t.told(err)
}

// WriteTo uses the decoder's WriteTo, if it has one.
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

// A gzipReader reads the members of a gzip stream. Zeros after the last member are padding for
// tapes and block devices, and are ignored, as in gzip(1).
type gzipReader struct {
	below *bufio.Reader
	*gzip.Reader
	padding int64
}

// Padding returns the number of zeros after the last member. r must be a reader from Open or
// NewReader that has been read to its end.
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
			return n, nil // the next call continues with the next member
		}
		if err := g.nextMember(); err != nil {
			return 0, err
		}
	}
}

// WriteTo hides the library's WriteTo, which does not support padding.
func (g *gzipReader) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{g})
}

// nextMember starts reading the next member, if there is one.
func (g *gzipReader) nextMember() error {
	next, err := g.below.Peek(len(GzipMagic))
	if len(next) == 0 {
		return err
	}
	if string(next) == GzipMagic {
		if err := g.Reset(g.below); err != nil {
			return fmt.Errorf("reading after a gzip member: %w", noEOF(err))
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
			return fmt.Errorf("reading after a gzip member: %w", ErrTrailing)
		}
		g.padding++
	}
}

// noEOF turns io.EOF into io.ErrUnexpectedEOF.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// GzipMember reports whether r begins with a gzip member whose content has size bytes. It reads no byte after the
// member.
func GzipMember(r interface {
	io.Reader
	io.ByteReader
}, size int64) bool {
	z, err := gzip.NewReader(r)
	if err != nil {
		return false
	}
	z.Multistream(false)
	n, err := io.Copy(io.Discard, io.LimitReader(struct{ io.Reader }{z}, size+1))
	return err == nil && n == size
}
