package bundle

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
	"runtime"
)

const (
	// deflateBlock is the number of bytes compressed at a time. It determines the output, so it
	// must not depend on the number of processors.
	deflateBlock = 1 << 20
	// deflateWindow is the window of deflate (RFC 1951, section 2), in bytes.
	deflateWindow = 32 << 10
)

// A deflater compresses blocks in parallel into one deflate stream. Each block uses the end of the
// previous one as its window, and ends at a byte boundary.
type deflater struct {
	w       io.Writer
	block   []byte
	window  []byte
	pending []chan compressed
}

type compressed struct {
	bytes []byte
	err   error
}

func newDeflater(w io.Writer) *deflater { return &deflater{w: w} }

func (d *deflater) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		m := min(len(p), deflateBlock-len(d.block))
		d.block = append(d.block, p[:m]...)
		p = p[m:]
		if len(d.block) == deflateBlock {
			if err := d.start(false); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// Close writes the remaining data. It does not close the underlying writer.
func (d *deflater) Close() error {
	if err := d.start(true); err != nil {
		return err
	}
	return d.drain(0)
}

// start compresses the block. If all processors are busy, it waits for the oldest block in
// progress.
func (d *deflater) start(last bool) error {
	block, window := d.block, d.window
	result := make(chan compressed, 1)
	go func() {
		var c compressed
		c.bytes, c.err = deflate(block, window, last)
		result <- c
	}()
	d.pending = append(d.pending, result)
	d.window = block[max(0, len(block)-deflateWindow):]
	d.block = make([]byte, 0, cap(block))
	return d.drain(runtime.GOMAXPROCS(0))
}

// drain writes blocks until at most left are in progress.
func (d *deflater) drain(left int) error {
	for len(d.pending) > left {
		c := <-d.pending[0]
		d.pending = d.pending[1:]
		if c.err != nil {
			return c.err
		}
		if _, err := d.w.Write(c.bytes); err != nil {
			return err
		}
	}
	return nil
}

// deflate compresses block, which follows window in the stream.
func deflate(block, window []byte, last bool) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriterDict(&out, flate.DefaultCompression, window)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(block); err != nil {
		return nil, err
	}
	if last {
		err = w.Close()
	} else {
		err = w.Flush()
	}
	return out.Bytes(), err
}

// A gzipper writes one gzip member (RFC 1952), without a time and a name.
type gzipper struct {
	w    io.Writer
	body *deflater
	sum  hash.Hash32
	size uint32 // modulo 2^32, as in the trailer
}

func newGzipper(w io.Writer) (*gzipper, error) {
	// ID, deflate, no flags, no time, no level hint, unknown system.
	if _, err := w.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}); err != nil {
		return nil, err
	}
	return &gzipper{w: w, body: newDeflater(w), sum: crc32.NewIEEE()}, nil
}

func (g *gzipper) Write(p []byte) (int, error) {
	g.sum.Write(p)
	g.size += uint32(len(p))
	return g.body.Write(p)
}

// Close ends the member. It does not close the underlying writer.
func (g *gzipper) Close() error {
	if err := g.body.Close(); err != nil {
		return err
	}
	trailer := binary.LittleEndian.AppendUint32(nil, g.sum.Sum32())
	_, err := g.w.Write(binary.LittleEndian.AppendUint32(trailer, g.size))
	return err
}
