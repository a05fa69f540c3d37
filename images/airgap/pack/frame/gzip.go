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
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/sniff"
)

// gzipVersion names the compressors whose output .tar.gz archives are made of,
// where it is not the registry's.
const gzipVersion = encoderVersion + ", klauspost/pgzip v1.2.6"

// gzipFrames makes the frames of .tar.gz archives: sequences of gzip members.
type gzipFrames struct {
	content *store.Store
	jobs    int
	// compressors are those of members, which are costlier to make than to use.
	compressors pool[*gzip.Writer]
}

// Small returns the frame of small files.
func (g *gzipFrames) Small(ctx context.Context, t *SmallTar) (Frame, error) {
	return t.compressed(ctx, g.content, "gzip-small", gzipVersion, openGzip)
}

func (g *gzipFrames) Release() { g.compressors.drop() }

func openGzip(w io.Writer, _ int64) (io.WriteCloser, error) {
	return gzip.NewWriterLevel(w, gzip.BestCompression)
}

// member is a gzip member of a few bytes.
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

// Run returns the frame of a run of layers.
func (g *gzipFrames) Run(ctx context.Context, run []Layer, done func(int)) (Frame, bool, error) {
	f, headers, err := describe(run)
	if err != nil {
		return Frame{}, false, err
	}
	cached := true
	for i, l := range run {
		var (
			chunks []chunk
			err    error
		)
		switch {
		case l.Verbatim() && l.Compression != sniff.None:
			chunks = []chunk{storedChunk(g.content, l, headers[i])}
			done(int(l.Size))
		case l.Compression == sniff.Gzip && !l.Padded:
			chunks, err = g.copied(ctx, l, headers[i])
			done(int(l.Size))
		default:
			var chunk chunk
			var fresh bool
			chunk, fresh, err = g.made(ctx, l, headers[i], done)
			chunks, cached = append(chunks, chunk), cached && !fresh
		}
		if err != nil {
			return Frame{}, false, err
		}
		f.chunks = append(f.chunks, chunks...)
	}
	return f, cached, nil
}

// copied frames a layer that came gzipped: its blob is a gzip member, or several,
// whose content is the file's body, so that nothing is left to compress but the
// tar header before it and the padding after it.
func (g *gzipFrames) copied(ctx context.Context, l Layer, header []byte) ([]chunk, error) {
	head, err := g.member(header)
	if err != nil {
		return nil, err
	}
	blob, err := g.content.BlobFile(ctx, l.Source)
	if err != nil {
		return nil, err
	}
	chunks := []chunk{bytesChunk(head), fileChunk(blob)}
	if n := format.Padding(l.Size); n > 0 {
		tail, err := g.member(format.Zeros(n))
		if err != nil {
			return nil, err
		}
		chunks = append(chunks, bytesChunk(tail))
	}
	return chunks, nil
}

// made frames a layer that did not come gzipped. That is done once, and kept.
func (g *gzipFrames) made(ctx context.Context, l Layer, header []byte, done func(int)) (chunk, bool, error) {
	fresh := false
	key := fmt.Sprintf("%s level 6 %s", gzipVersion, l.Digest)
	made, err := g.content.DerivedFile(ctx, "gzip-frame", key, func(w io.Writer) error {
		fresh = true
		z, err := pgzip.NewWriterLevel(w, 6)
		if err != nil {
			return err
		}
		// The bytes depend on the size of the blocks, not on how many are
		// compressed at a time.
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
		// Close ends its goroutines, whatever went wrong.
		if closeErr := z.Close(); err == nil {
			err = closeErr
		}
		return err
	})
	if err != nil {
		return chunk{}, false, err
	}
	if !fresh {
		done(int(l.Size))
	}
	return fileChunk(made), fresh, nil
}

// storedBlock is the most that a stored block of deflate holds (RFC 1951, 3.2.4).
const storedBlock = 1<<16 - 1

// storedChunk is a gzip member that holds a layer's file as it is, since the
// layer is compressed already: 5 bytes are added to every 64 KiB.
func storedChunk(content *store.Store, l Layer, header []byte) chunk {
	size := int64(len(header)) + l.Size + format.Padding(l.Size)
	blocks := (size + storedBlock - 1) / storedBlock
	return chunk{
		size: int64(len(gzipHeader)) + size + 5*blocks + 8,
		copy: func(ctx context.Context, w io.Writer) error {
			s := &storedWriter{w: w, left: size, buf: make([]byte, 0, storedBlock)}
			if _, err := w.Write(gzipHeader); err != nil {
				return err
			}
			if _, err := s.Write(header); err != nil {
				return err
			}
			if err := WriteBody(ctx, content, l, s); err != nil {
				return err
			}
			_, err := s.Write(format.Zeros(format.Padding(l.Size)))
			return err
		},
	}
}

// gzipHeader is a header without name or time (RFC 1952, 2.3).
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}

// A storedWriter writes the rest of a gzip member whose content has left bytes.
type storedWriter struct {
	w    io.Writer
	left int64
	buf  []byte
	crc  uint32
	size uint32
}

func (s *storedWriter) Write(p []byte) (int, error) {
	written := len(p)
	if written == 0 {
		return 0, nil
	}
	s.crc = crc32.Update(s.crc, crc32.IEEETable, p)
	s.size += uint32(len(p))
	s.left -= int64(len(p))
	for {
		n := min(len(p), storedBlock-len(s.buf))
		s.buf = append(s.buf, p[:n]...)
		p = p[n:]
		last := s.left == 0 && len(p) == 0
		if len(s.buf) < storedBlock && !last {
			return written, nil
		}
		head := []byte{0, 0, 0, 0, 0}
		if last {
			head[0] = 1
		}
		binary.LittleEndian.PutUint16(head[1:], uint16(len(s.buf)))
		binary.LittleEndian.PutUint16(head[3:], ^uint16(len(s.buf)))
		if _, err := s.w.Write(append(head, s.buf...)); err != nil {
			return 0, err
		}
		s.buf = s.buf[:0]
		if last {
			tail := binary.LittleEndian.AppendUint32(nil, s.crc)
			_, err := s.w.Write(binary.LittleEndian.AppendUint32(tail, s.size))
			return written, err
		}
	}
}
