package frame

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/slipway-build/slipway/images/zstd"
)

// A frame of several layers is one of several segments, of which each has a layer
// or a part of one. What a segment becomes depends on its content and on the window
// before it: a layer that changes costs itself, and what follows it within a window.

// segmentVersion names what decides the bytes of a segment besides its content.
const segmentVersion = "segments " + zstd.Version + " " + encoderVersion

// segmentSize is how large the parts of a layer are at least, in bytes. Each costs
// some hundred bytes.
const segmentSize = 16 << 20

// SingleSegment is how many bytes of the tar a frame of small layers has; see segments.
const SingleSegment = 8 << 20

// A segment is a part of a frame: some bytes of one layer's file in the tar.
type segment struct {
	layer int   // in the run
	from  int64 // where it begins in the frame, in bytes
	size  int64
}

// segments parts a frame. Small layers are one segment together, which takes no time;
// a single layer is too, since nothing of it remains when it changes.
func segments(files []tarFile) []segment {
	var all []segment
	at := int64(0)
	for i, f := range files {
		parts := max(f.tarSize()/segmentSize, 1)
		for part := range parts {
			from, to := f.tarSize()*part/parts, f.tarSize()*(part+1)/parts
			all = append(all, segment{layer: i, from: at + from, size: to - from})
		}
		at += f.tarSize()
	}
	if at <= SingleSegment || len(files) == 1 {
		return []segment{{size: at}}
	}
	return all
}

// whole makes a frame of one segment. It has a checksum, by which readers know
// damage that do not look at digests.
func (m *zstdMaker) whole(ctx context.Context, f *Frame) error {
	return m.made(ctx, f, "zstd-frame", segmentVersion+digests(m.files), f.TarSize, func(w io.Writer) error {
		enc, err := m.encoder()
		if err != nil {
			return err
		}
		defer m.encoders.give(enc)
		if _, err := w.Write(zstd.AppendHeader(nil, uint64(f.TarSize), true)); err != nil {
			return err
		}
		sum := xxhash.New()
		enc.Reset()
		enc.Begin(w)
		err = m.write(ctx, progressWriter{io.MultiWriter(enc, sum), m.done})
		if err := ended(enc, err); err != nil {
			return err
		}
		_, err = w.Write(binary.LittleEndian.AppendUint32(zstd.AppendEnd(nil), uint32(sum.Sum64())))
		return err
	})
}

// ended ends a segment for which writing may have gone wrong. If that was the
// encoder's fault, it says why.
func ended(enc *zstd.Encoder, writeErr error) error {
	if err := enc.End(); err != nil {
		return err
	}
	return writeErr
}

// inSegments makes a frame of several segments. It has no checksum, which all
// layers would have to be read for when one changes; each has its own in its name.
func (m *zstdMaker) inSegments(ctx context.Context, f *Frame, parts []segment) error {
	f.chunks = append(f.chunks, bytesChunk(zstd.AppendHeader(nil, uint64(f.TarSize), false)))
	s := &segmentMaker{zstdMaker: m, tar: &tarReader{content: m.content, files: m.files}, next: -1}
	defer s.close()
	for _, part := range parts {
		if err := m.made(ctx, f, "zstd-segment", m.segmentKey(part), part.size, func(w io.Writer) error { return s.make(ctx, w, part) }); err != nil {
			return err
		}
	}
	f.chunks = append(f.chunks, bytesChunk(zstd.AppendEnd(nil)))
	return nil
}

// segmentKey names a segment by what is in it, and by what is in the window before
// it: some layers, of which the first one's beginning is too far away.
func (m *zstdMaker) segmentKey(s segment) string {
	window := max(s.from-zstd.Window, 0)
	first, at := 0, int64(0)
	for at+m.files[first].tarSize() <= window {
		at += m.files[first].tarSize()
		first++
	}
	return fmt.Sprintf("%s from %d to %d after %d%s", segmentVersion, s.from-at, s.from-at+s.size, window-at, digests(m.files[first:s.layer+1]))
}

// A segmentMaker makes the segments of one frame that are not there, in their order.
type segmentMaker struct {
	*zstdMaker
	tar *tarReader
	enc *zstd.Encoder // once it is needed
	// next is up to where in the frame the encoder has its content; -1 is nowhere.
	next int64
}

func (s *segmentMaker) make(ctx context.Context, w io.Writer, part segment) (err error) {
	if s.enc == nil {
		if s.enc, err = s.encoder(); err != nil {
			return err
		}
	}
	window := int64(-1)
	if s.next != part.from {
		s.enc.Reset()
		window = max(part.from-zstd.Window, 0)
	}
	s.next = -1
	s.enc.Begin(w)
	if window >= 0 {
		err = s.tar.copy(ctx, loader{s.enc}, window, part.from-window)
	}
	if err == nil {
		err = s.tar.copy(ctx, progressWriter{s.enc, s.done}, part.from, part.size)
	}
	if err := ended(s.enc, err); err != nil {
		return err
	}
	s.next = part.from + part.size
	return nil
}

func (s *segmentMaker) close() {
	s.tar.close()
	if s.enc != nil {
		s.encoders.give(s.enc)
	}
}

func (m *zstdMaker) encoder() (*zstd.Encoder, error) {
	return m.encoders.take(func() (*zstd.Encoder, error) { return zstd.NewEncoder(), nil })
}

// A loader loads what is written to it into an encoder.
type loader struct{ enc *zstd.Encoder }

func (l loader) Write(b []byte) (int, error) {
	l.enc.Load(b)
	return len(b), nil
}
