package frame

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/pgzip"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/sniff"
)

// gzipVersion names the compressors of .tar.gz archives. It is part of the keys of cached frames.
const gzipVersion = encoderVersion + ", klauspost/pgzip v1.2.6"

// gzipFrames makes the frames of .tar.gz archives. A frame is a sequence of gzip members.
type gzipFrames struct {
	content Content
	jobs    int
	// compressors are kept for member, because making one takes longer than using it.
	compressors pool[*gzip.Writer]
}

func (g *gzipFrames) Small(ctx context.Context, t *SmallTar) (Frame, error) {
	return t.compressed(ctx, g.content, "gzip-small", gzipVersion, openGzip)
}

func (g *gzipFrames) Release() { g.compressors.drop() }

func openGzip(w io.Writer, _ int64) (io.WriteCloser, error) {
	return gzip.NewWriterLevel(w, gzip.BestCompression)
}

// member returns a gzip member of b.
func (g *gzipFrames) member(b []byte) ([]byte, error) {
	z, err := g.compressors.take(func() (*gzip.Writer, error) { return gzip.NewWriterLevel(nil, gzip.BestCompression) })
	if err != nil {
		return nil, err
	}
	defer g.compressors.give(z)
	var out bytes.Buffer
	z.Reset(&out)
	_, err = z.Write(b)
	err = errors.Join(err, z.Close())
	return out.Bytes(), err
}

func (g *gzipFrames) Run(ctx context.Context, run []Layer, done func(int)) (Frame, bool, error) {
	f, headers, err := describe(run)
	if err != nil {
		return Frame{}, false, err
	}
	cached := true
	for i, l := range run {
		var (
			pieces []piece
			err    error
		)
		switch {
		case l.Verbatim() && l.Compression != sniff.None:
			pieces = make([]piece, 1)
			pieces[0], err = storedPiece(ctx, g.content, l, headers[i])
			done(int(l.Size))
		case l.Compression == sniff.Gzip && !l.Padded:
			pieces, err = g.copied(ctx, l, headers[i])
			done(int(l.Size))
		default:
			var piece piece
			var fresh bool
			piece, fresh, err = g.made(ctx, l, headers[i], done)
			pieces, cached = append(pieces, piece), cached && !fresh
		}
		if err != nil {
			return Frame{}, false, err
		}
		f.pieces = append(f.pieces, pieces...)
	}
	return f, cached, nil
}

// copied returns the pieces of a layer whose blob is gzipped. The blob consists of gzip members whose
// content is that of the file, so that only the tar header and the padding are compressed.
func (g *gzipFrames) copied(ctx context.Context, l Layer, header []byte) ([]piece, error) {
	head, err := g.member(header)
	if err != nil {
		return nil, err
	}
	blob, err := g.content.BlobFile(ctx, l.Source)
	if err != nil {
		return nil, err
	}
	pieces := []piece{bytesPiece(head), filePiece(blob)}
	if n := format.Padding(l.Size); n > 0 {
		tail, err := g.member(format.Zeros(n))
		if err != nil {
			return nil, err
		}
		pieces = append(pieces, bytesPiece(tail))
	}
	return pieces, nil
}

// made returns the piece of a layer whose blob is not gzipped. The compressed layer is kept in the store, or was in a
// shared cache.
func (g *gzipFrames) made(ctx context.Context, l Layer, header []byte, done func(int)) (piece, bool, error) {
	fresh := false
	p := part{"gzip-frame", fmt.Sprintf("%s level %d %s", gzipVersion, layerLevel, l.Digest), l.Size, func(w io.Writer) error {
		fresh = true
		return g.compress(ctx, l, header, w, done)
	}}
	if err := fetchGzip(ctx, g.content, tarFile{l, header}, p); err != nil {
		return piece{}, false, err
	}
	made, err := g.content.ProvenFile(ctx, p.kind, p.key, p.write)
	if err != nil {
		return piece{}, false, err
	}
	if !fresh {
		done(int(l.Size))
	}
	return filePiece(made), fresh, nil
}

// layerLevel is the gzip level of layers.
const layerLevel = 6

// compress writes the gzip member of a layer to w.
func (g *gzipFrames) compress(ctx context.Context, l Layer, header []byte, w io.Writer, done func(int)) error {
	z, err := pgzip.NewWriterLevel(w, layerLevel)
	if err != nil {
		return err
	}
	// The result depends on the size of blocks, and not on the number of goroutines.
	if err := z.SetConcurrency(1<<20, g.jobs); err != nil {
		return err
	}
	_, err = z.Write(header)
	if err == nil {
		err = WriteBody(ctx, g.content, l, progressWriter{z, done})
	}
	if err == nil {
		_, err = z.Write(format.Zeros(format.Padding(l.Size)))
	}
	// Close ends its goroutines, even after an error.
	if closeErr := z.Close(); err == nil {
		err = closeErr
	}
	return err
}

// storedBlock is the size of the largest stored block of deflate, in bytes (RFC 1951, section 3.2.4).
const storedBlock = 1<<16 - 1

// storedPiece returns a gzip member that stores the file of a layer without compression, because the layer
// is compressed already. It adds 5 bytes for each 64 KiB.
func storedPiece(ctx context.Context, content Content, l Layer, header []byte) (piece, error) {
	blob, err := content.BlobFile(ctx, l.Source)
	if err != nil {
		return piece{}, err
	}
	size := int64(len(header)) + l.Size + format.Padding(l.Size)
	blocks := (size + storedBlock - 1) / storedBlock
	return piece{
		size: int64(len(gzipHeader)) + size + 5*blocks + 8,
		copy: func(ctx context.Context, w io.Writer) error {
			if _, err := w.Write(gzipHeader); err != nil {
				return err
			}
			return copyFile(ctx, newStoredWriter(w, size), l, header, blob)
		},
	}, nil
}

// gzipHeader is the header of a gzip member without name and time (RFC 1952, section 2.3).
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}

// A storedWriter writes the rest of a gzip member, whose content has left more bytes.
type storedWriter struct {
	w    io.Writer
	left int64
	buf  []byte // the next block, after its header
	crc  uint32
	size uint32
}

// storedHeader is the size of the header of a stored block, in bytes.
const storedHeader = 5

func newStoredWriter(w io.Writer, size int64) *storedWriter {
	return &storedWriter{w: w, left: size, buf: make([]byte, storedHeader, storedHeader+storedBlock+8)}
}

func (s *storedWriter) Write(p []byte) (int, error) {
	s.crc = crc32.Update(s.crc, crc32.IEEETable, p)
	s.size += uint32(len(p))
	s.left -= int64(len(p))
	for rest := p; len(rest) > 0; {
		n := min(len(rest), storedHeader+storedBlock-len(s.buf))
		s.buf, rest = append(s.buf, rest[:n]...), rest[n:]
		last := s.left == 0 && len(rest) == 0
		size := uint16(len(s.buf) - storedHeader)
		if size < storedBlock && !last {
			break
		}
		s.buf[0] = 0
		binary.LittleEndian.PutUint16(s.buf[1:], size)
		binary.LittleEndian.PutUint16(s.buf[3:], ^size)
		if last {
			s.buf[0] = 1
			s.buf = binary.LittleEndian.AppendUint32(s.buf, s.crc)
			s.buf = binary.LittleEndian.AppendUint32(s.buf, s.size)
		}
		if _, err := s.w.Write(s.buf); err != nil {
			return 0, err
		}
		s.buf = s.buf[:storedHeader]
	}
	return len(p), nil
}
