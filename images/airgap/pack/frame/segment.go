package frame

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/zstd"
)

// A frame of several layers has several segments. The bytes of a segment depend on its content and on
// the window before it. So a layer that changes changes its segments, and those that follow within the
// window.

// segmentVersion returns the part of the key of a segment that changes with the level, and when encoders
// change.
func (m *zstdMaker) segmentVersion() string {
	return "segments " + m.level.own.Version() + " " + encoderVersion
}

// segments divides a frame.
func segments(files []tarFile) []format.Segment {
	sizes := make([]int64, len(files))
	for i, f := range files {
		sizes[i] = f.tarSize()
	}
	return format.Segments(sizes)
}

// whole makes a frame of one segment. The frame has a checksum for readers that do not verify digests.
func (m *zstdMaker) whole(ctx context.Context, f *Frame) error {
	return m.inParts(ctx, f, nil, part{"zstd-frame", m.segmentVersion() + digests(m.files), f.TarSize, func(w io.Writer) error {
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
	}})
}

// ended ends a segment, and returns the error of the encoder, or else that of writing to it.
func ended(enc *zstd.Encoder, writeErr error) error {
	if err := enc.End(); err != nil {
		return err
	}
	return writeErr
}

// inSegments makes a frame of several segments. The frame does not have a checksum: when one layer changes,
// all layers would have to be read for it.
func (m *zstdMaker) inSegments(ctx context.Context, f *Frame, all []format.Segment) error {
	s := &segmentMaker{zstdMaker: m, tar: &tarReader{content: m.content, files: m.files}, next: -1}
	defer s.close()
	var parts []part
	for _, seg := range all {
		parts = append(parts, part{"zstd-segment", m.segmentKey(seg), seg.Size, func(w io.Writer) error { return s.make(ctx, w, seg) }})
	}
	return m.inParts(ctx, f, zstd.AppendHeader(nil, uint64(f.TarSize), false), parts...)
}

// segmentKey returns the key of a segment: the layers in the window before it and in it, and which bytes
// of them count.
func (m *zstdMaker) segmentKey(s format.Segment) string {
	window := max(s.From-zstd.Window, 0)
	first, at := 0, int64(0)
	for at+m.files[first].tarSize() <= window {
		at += m.files[first].tarSize()
		first++
	}
	return fmt.Sprintf("%s from %d to %d after %d%s", m.segmentVersion(), s.From-at, s.From-at+s.Size, window-at, digests(m.files[first:s.File+1]))
}

// A segmentMaker makes those segments of one frame that are not in the store, in their order.
type segmentMaker struct {
	*zstdMaker
	tar *tarReader
	enc *zstd.Encoder // nil until it is needed
	// next is the offset in the frame up to which the encoder has the content, or -1.
	next int64
}

func (s *segmentMaker) make(ctx context.Context, w io.Writer, seg format.Segment) (err error) {
	if s.enc == nil {
		if s.enc, err = s.encoder(); err != nil {
			return err
		}
	}
	window := int64(-1)
	if s.next != seg.From {
		s.enc.Reset()
		window = max(seg.From-zstd.Window, 0)
	}
	s.next = -1
	s.enc.Begin(w)
	if window >= 0 {
		err = s.tar.copy(ctx, loader{s.enc}, window, seg.From-window)
	}
	if err == nil {
		err = s.tar.copy(ctx, progressWriter{s.enc, s.done}, seg.From, seg.Size)
	}
	if err := ended(s.enc, err); err != nil {
		return err
	}
	s.next = seg.From + seg.Size
	return nil
}

func (s *segmentMaker) close() {
	s.tar.close()
	if s.enc != nil {
		s.encoders.give(s.enc)
	}
}

func (m *zstdMaker) encoder() (*zstd.Encoder, error) {
	return m.encoders.take(func() (*zstd.Encoder, error) { return zstd.NewEncoder(m.level.own), nil })
}

// A loader is a writer that primes the window of an encoder.
type loader struct{ enc *zstd.Encoder }

func (l loader) Write(b []byte) (int, error) {
	l.enc.Load(b)
	return len(b), nil
}
