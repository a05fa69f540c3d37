package airgap

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/slipway-build/slipway/images/zstd"
)

// A frame of several layers is one of several segments. What a segment becomes
// depends on its content and on the window before it: one layer that changes costs
// itself, and those whose window it is in.

// segmentVersion names what decides the bytes of a segment besides its content.
const segmentVersion = "segments " + zstd.Version + " " + encoderVersion

// segments parts a run of layers, and says with which each part begins. Small
// layers stay together: a segment costs some hundred bytes, and they cost no time.
func segments(run []layer) (first []int) {
	if runSize(run) <= crowdLimit {
		return []int{0}
	}
	for i := range run {
		first = append(first, i)
	}
	return first
}

// whole makes a frame of one segment. It has a checksum, by which readers know
// damage that do not look at digests.
func (m *zstdMaker) whole(ctx context.Context, f *frame) error {
	return m.made(ctx, f, "zstd-frame", segmentVersion+digests(m.run), f.tarSize, func(w io.Writer) error {
		enc, err := m.encoder()
		if err != nil {
			return err
		}
		defer m.encoders.give(enc)
		if _, err := w.Write(zstd.AppendHeader(nil, uint64(f.tarSize), true)); err != nil {
			return err
		}
		sum := xxhash.New()
		enc.Reset()
		if err := m.encode(ctx, enc, w, io.MultiWriter(enc, sum), 0, len(m.run)); err != nil {
			return err
		}
		_, err = w.Write(binary.LittleEndian.AppendUint32(zstd.AppendEnd(nil), uint32(sum.Sum64())))
		return err
	})
}

// inSegments makes a frame of several segments. It has no checksum, which all
// layers would have to be read for when one changes; each has its own in its name.
func (m *zstdMaker) inSegments(ctx context.Context, f *frame, first []int) error {
	f.chunks = append(f.chunks, bytesChunk(zstd.AppendHeader(nil, uint64(f.tarSize), false)))
	var enc *zstd.Encoder
	defer func() {
		if enc != nil {
			m.encoders.give(enc)
		}
	}()
	at := -1 // which layer comes next in the encoder
	for i, from := range first {
		to := len(m.run)
		if i+1 < len(first) {
			to = first[i+1]
		}
		window, skip := m.windowOf(from)
		key := fmt.Sprintf("%s%s after %d%s", segmentVersion, digests(m.run[from:to]), skip, digests(m.run[window:from]))
		err := m.made(ctx, f, "zstd-segment", key, m.tarSize(from, to), func(w io.Writer) (err error) {
			if enc == nil {
				if enc, err = m.encoder(); err != nil {
					return err
				}
			}
			if at != from {
				at = -1
				enc.Reset()
				if err := m.write(ctx, &loader{enc, skip}, window, from); err != nil {
					return err
				}
			}
			at = -1
			if err := m.encode(ctx, enc, w, enc, from, to); err != nil {
				return err
			}
			at = to
			return nil
		})
		if err != nil {
			return err
		}
	}
	f.chunks = append(f.chunks, bytesChunk(zstd.AppendEnd(nil)))
	return nil
}

func (m *zstdMaker) encoder() (*zstd.Encoder, error) {
	return m.encoders.take(func() (*zstd.Encoder, error) { return zstd.NewEncoder(), nil })
}

// encode writes layers as a segment to w. all is where their bytes go, the encoder
// among them.
func (m *zstdMaker) encode(ctx context.Context, enc *zstd.Encoder, w, all io.Writer, from, to int) error {
	enc.Begin(w)
	err := m.write(ctx, progressWriter{all, m.done}, from, to)
	// Why a write failed is what End says.
	if endErr := enc.End(); endErr != nil {
		return endErr
	}
	return err
}

// windowOf is with which layer the window before a layer begins, and how many of
// that one's bytes are before the window.
func (m *zstdMaker) windowOf(layer int) (first int, skip int64) {
	first = layer
	for first > 0 && m.tarSize(first, layer) < zstd.Window {
		first--
	}
	return first, max(m.tarSize(first, layer)-zstd.Window, 0)
}

// tarSize is how large the files of some layers are in the tar.
func (m *zstdMaker) tarSize(from, to int) (n int64) {
	for i, l := range m.run[from:to] {
		n += int64(len(m.headers[from+i])) + l.size + padding(l.size)
	}
	return n
}

// A loader loads what is written to it into an encoder, but for the first bytes.
type loader struct {
	enc  *zstd.Encoder
	skip int64
}

func (l *loader) Write(b []byte) (int, error) {
	n := min(l.skip, int64(len(b)))
	l.skip -= n
	l.enc.Load(b[n:])
	return len(b), nil
}
