package frame

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	library "github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// Frames of shared caches are decoded before they are used. A frame is right if it is exactly one frame as ours are, and
// its content is that of the layers.

// checkZstd checks a zstd frame, which write writes.
func checkZstd(ctx context.Context, write func(io.Writer) error, files []tarFile) error {
	walker := &frameWalker{}
	for _, f := range files {
		walker.size += uint64(f.tarSize())
	}
	open := func(r io.Reader) (io.ReadCloser, error) { return sniff.Zstd.NewReader(r, sniff.LowMemory()...) }
	err := decode(ctx, open, func(w io.Writer) error { return write(io.MultiWriter(walker, w)) }, files)
	if err == nil && walker.state != atEnd {
		err = errors.New("the frame has no end")
	}
	return err
}

// checkGzip checks a gzip member, which write writes.
func checkGzip(ctx context.Context, write func(io.Writer) error, file tarFile) error {
	open := func(r io.Reader) (io.ReadCloser, error) {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		z.Multistream(false)
		return z, nil
	}
	return decode(ctx, open, func(w io.Writer) error { return write(io.MultiWriter(&gzipHead{}, w)) }, []tarFile{file})
}

// decode decompresses what write writes, and compares it with the files.
func decode(ctx context.Context, open func(io.Reader) (io.ReadCloser, error), write func(io.Writer) error, files []tarFile) error {
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := write(out)
		out.CloseWithError(err)
		done <- err
	}()
	err := compareTar(open, bufio.NewReaderSize(streams.WithContext(ctx, in), 128<<10), files)
	in.CloseWithError(io.ErrClosedPipe)
	// An error of writing is the cause of one of decoding.
	if written := <-done; written != nil && !errors.Is(written, io.ErrClosedPipe) {
		return written
	}
	return err
}

// compareTar decompresses in, and compares its content with the files. Nothing may follow.
func compareTar(open func(io.Reader) (io.ReadCloser, error), in *bufio.Reader, files []tarFile) error {
	r, err := open(in)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, f := range files {
		if err := compareBytes(r, f.header); err != nil {
			return fmt.Errorf("the tar header of layer %s: %w", f.Digest, err)
		}
		if err := copyVerified(io.Discard, io.LimitReader(r, f.Size), f.Digest, f.Size); err != nil {
			return fmt.Errorf("layer %s: %w", f.Digest, err)
		}
		if err := compareBytes(r, format.Zeros(format.Padding(f.Size))); err != nil {
			return fmt.Errorf("the padding of layer %s: %w", f.Digest, err)
		}
	}
	for _, rest := range []io.Reader{r, in} {
		if n, err := io.Copy(io.Discard, io.LimitReader(rest, 1)); n > 0 || err != nil {
			return cmp.Or(err, errors.New("bytes follow the last layer"))
		}
	}
	return nil
}

func compareBytes(r io.Reader, want []byte) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("it has other bytes")
	}
	return nil
}

// A frameWalker checks that what is written to it is one zstd frame whose header states the size of the content, and
// nothing else: a decoder also accepts frames that it skips, and more than one frame.
type frameWalker struct {
	size  uint64
	state int
	buf   []byte // the bytes since the last state
	skip  int    // bytes of a block to go over
	sum   bool   // a checksum follows the last block
}

// States of a frameWalker: what comes next.
const (
	atHeader = iota
	atBlock
	atChecksum
	atEnd
)

func (f *frameWalker) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if f.skip > 0 {
			k := min(f.skip, len(p))
			f.skip, p = f.skip-k, p[k:]
			continue
		}
		f.buf, p = append(f.buf, p[0]), p[1:]
		if err := f.step(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// step looks at the bytes in f.buf.
func (f *frameWalker) step() error {
	switch f.state {
	case atHeader:
		return f.header()
	case atBlock:
		return f.block()
	case atChecksum:
		if len(f.buf) == 4 {
			f.next(atEnd)
		}
		return nil
	}
	return errors.New("bytes follow the zstd frame")
}

// header reads the header of the frame (RFC 8878, section 3.1.1.1).
func (f *frameWalker) header() error {
	if len(f.buf) < 5 {
		return nil
	}
	descriptor := f.buf[4]
	size := 5 + []int{0, 2, 4, 8}[descriptor>>6] + []int{0, 1, 2, 4}[descriptor&3]
	switch single := descriptor&(1<<5) != 0; {
	case !single:
		size++ // the window
	case descriptor>>6 == 0:
		size++ // the size of the content
	}
	if len(f.buf) < size {
		return nil
	}
	var h library.Header
	if err := h.Decode(f.buf); err != nil {
		return err
	}
	if h.Skippable || h.DictionaryID != 0 || !h.HasFCS || h.FrameContentSize != f.size {
		return fmt.Errorf("the zstd frame states %d bytes of content instead of %d", h.FrameContentSize, f.size)
	}
	f.sum = h.HasCheckSum
	f.next(atBlock)
	return nil
}

// block reads the header of a block (RFC 8878, section 3.1.1.2): whether it is the last one, its type and its size.
func (f *frameWalker) block() error {
	if len(f.buf) < 3 {
		return nil
	}
	header := binary.LittleEndian.Uint32(append(f.buf, 0))
	if f.skip = int(header >> 3); header>>1&3 == 1 {
		f.skip = 1 // a repeated byte
	}
	switch last := header&1 != 0; {
	case !last:
		f.next(atBlock)
	case f.sum:
		f.next(atChecksum)
	default:
		f.next(atEnd)
	}
	return nil
}

func (f *frameWalker) next(state int) { f.state, f.buf = state, f.buf[:0] }

// A gzipHead checks that what is written to it begins with the header that our compressor writes, of which a
// decompressor ignores most (RFC 1952, section 2.3).
type gzipHead struct{ seen int }

func (g *gzipHead) Write(p []byte) (int, error) {
	want := pgzipHeader()
	n := min(len(p), len(want)-g.seen)
	if !bytes.Equal(p[:n], want[g.seen:g.seen+n]) {
		return 0, errors.New("it has another gzip header")
	}
	g.seen += n
	return len(p), nil
}

// pgzipHeader returns the header of the members of layers.
var pgzipHeader = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z, err := pgzip.NewWriterLevel(&b, layerLevel)
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err) // of a level that is a constant, and a buffer in memory
	}
	return b.Bytes()[:len(gzipHeader)]
})
