package delta

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"slices"

	"github.com/slipway-build/slipway/images/airgap/delta/deflate"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/streams"
)

// maxUnknown is the number of streams from one operating system that no encoder makes, after which only encoders are tried
// that have made others. Trying all of them takes about a second.
const maxUnknown = 8

// byUnix is the operating system in the header of a gzip member that zlib and GNU gzip write (RFC 1952, section 2.3.1).
// Programs in Go write another one, as do those in Java and Python, which use zlib.
const byUnix = 3

// streamsMade returns the changed deflate streams in the gzip members of a frame that this program makes. The content of
// the frame is at the end of the scratch.
func (m *remaker) streamsMade(ctx context.Context, frame format.Span) ([]madeRun, error) {
	in := &memberReader{r: bufio.NewReader(streams.WithContext(ctx, io.NewSectionReader(m.new.file, frame.Offset, frame.Size)))}
	var (
		runs    []madeRun
		content int64
		z       = new(gzip.Reader)
	)
	for in.n < frame.Size {
		if err := z.Reset(in); err != nil {
			return nil, err
		}
		z.Multistream(false)
		const trailer = 8
		begin := in.n
		n, err := io.Copy(io.Discard, z)
		if err != nil {
			return nil, err
		}
		run := madeRun{New: frame.Offset + begin, Size: in.n - trailer - begin, From: m.size + content, Content: n, tar: frame.TarOffset + content}
		content += n
		if n == 0 || m.missing(run.New, run.Size) < minMade {
			continue
		}
		encoder, err := m.encoderOf(ctx, run, z.OS)
		if err != nil {
			return nil, err
		}
		if encoder != "" {
			run.Encoder = m.number(encoder)
			runs = append(runs, run)
		}
	}
	return runs, nil
}

// encoderOf returns the name of the encoder that makes a deflate stream, or "". os is the operating system in its header.
func (m *remaker) encoderOf(ctx context.Context, run madeRun, os byte) (string, error) {
	names := slices.Clone(m.encoders)
	if m.unknown[os] < maxUnknown {
		for _, name := range deflate.Names(os == byUnix) {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		if same, err := m.made(ctx, name, run); same || err != nil {
			return name, err
		}
	}
	m.unknown[os]++
	return "", nil
}

// A memberReader counts the bytes that are read. It is an io.ByteReader, so that gzip reads no byte after a member.
type memberReader struct {
	r *bufio.Reader
	n int64
}

func (m *memberReader) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	return n, err
}

func (m *memberReader) ReadByte() (byte, error) {
	b, err := m.r.ReadByte()
	if err == nil {
		m.n++
	}
	return b, err
}
