package slice

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/airgap/pack/frame"
	"github.com/slipway-build/slipway/internal/streams"
)

// readSize is the number of bytes of an archive that are read at a time. A web server is then asked for little beyond the
// frames; see ranges.File.
const readSize = 2 << 20

// A sealedFrame is a frame to copy.
type sealedFrame struct {
	span format.Span
	// sum is the SHA-256 of its compressed bytes, which were verified together.
	sum [sha256.Size]byte
}

// readFrame reads the sources of a frame, up to the last one. If all files of the frame are sources, and headers and
// padding are those that pack writes, it seals the frame.
func (b *bundle) readFrame(ctx context.Context, f airgap.Frame, do func(s *source, body io.Reader) error) (err error) {
	sum := sha256.New()
	compressed := io.TeeReader(streams.WithContext(ctx, bufio.NewReaderSize(b.archive.Section(f.Offset, f.Size), readSize)), sum)
	r, err := b.archive.Codec().Decompress(compressed)
	if err != nil {
		return b.archive.Wrap(err)
	}
	defer r.Close()
	tar := &frameReader{r: r, at: f.TarOffset, same: len(f.Entries) == len(b.sources)}
	next := 0
	for _, e := range f.Entries {
		if next == len(b.sources) {
			return nil
		}
		if err := tar.header(e); err != nil {
			return b.archive.Wrap(fmt.Errorf("file %q: %w", e.Name, err))
		}
		s := b.sources[next]
		if e.Name != s.file.Name() {
			continue
		}
		next++
		body := streams.Exactly(r, e.Size)
		if err := do(s, body); err != nil {
			return err
		}
		tar.at += e.Size
	}
	if next < len(b.sources) {
		return b.archive.Wrap(fmt.Errorf("file %q: the archive's index names a frame where it is not", b.sources[next].file.Name()))
	}
	if tar.same {
		return b.seal(tar, f, compressed, sum)
	}
	return nil
}

// seal seals a frame of which all files were read.
func (b *bundle) seal(tar *frameReader, f airgap.Frame, compressed io.Reader, sum hash.Hash) error {
	last := b.sources[len(b.sources)-1]
	err := tar.expect(format.Zeros(format.Padding(last.file.Size())))
	if err == nil {
		var more int64
		if more, err = io.Copy(io.Discard, tar.r); more > 0 || tar.at != f.TarOffset+f.TarSize {
			tar.same = false
		}
	}
	if err == nil {
		// The decompressor need not have read the end of the frame.
		_, err = io.Copy(io.Discard, compressed)
	}
	if err != nil {
		return b.archive.Wrap(fmt.Errorf("after file %q: %w", last.file.Name(), err))
	}
	if tar.same {
		b.sealed = &sealedFrame{span: f.Span, sum: [sha256.Size]byte(sum.Sum(nil))}
	}
	return nil
}

// A frameReader reads the content of a frame, and compares what is between the files.
type frameReader struct {
	r    io.Reader
	at   int64 // offset in the tar
	same bool  // all headers and padding were those that pack writes, and no file was skipped
	last int64 // size of the file before
}

// header reads to the content of a file.
func (t *frameReader) header(e format.Entry) error {
	want, err := format.TarHeader(e.Name, e.Size)
	if err != nil {
		return err
	}
	want = slices.Concat(format.Zeros(format.Padding(t.last)), want)
	t.last = e.Size
	if t.at+int64(len(want)) == e.Offset {
		return t.expect(want)
	}
	t.same = false
	_, err = io.CopyN(io.Discard, t.r, e.Offset-t.at)
	t.at = e.Offset
	return streams.NoEOF(err)
}

// expect reads len(want) bytes, and compares them.
func (t *frameReader) expect(want []byte) error {
	have := make([]byte, len(want))
	if _, err := io.ReadFull(t.r, have); err != nil {
		return streams.NoEOF(err)
	}
	t.at += int64(len(want))
	t.same = t.same && bytes.Equal(have, want)
	return nil
}

// Ready implements pack.Frames.
func (r *reader) Ready(ctx context.Context, codec format.Codec, runs [][]frame.Layer) ([]*frame.Frame, error) {
	out := make([]*frame.Frame, len(runs))
	for i, run := range runs {
		f, ok, err := r.ready(codec, run)
		if err != nil {
			return nil, err
		}
		if ok {
			out[i] = &f
			continue
		}
		r.mu.Lock()
		for _, l := range run {
			r.needed[l.Source] = true
		}
		r.mu.Unlock()
	}
	return out, context.Cause(ctx)
}

// ready returns a frame with a run of layers, if an archive has it.
func (r *reader) ready(codec format.Codec, run []frame.Layer) (f frame.Frame, ok bool, err error) {
	for _, l := range run {
		if !l.Verbatim() {
			return f, false, nil // it is compressed in the archive, and not in the slice
		}
	}
	s := r.sources[run[0].Source]
	b := s.bundle
	switch {
	case b.archive.Codec() != codec:
		return f, false, nil
	case codec == format.Tar && !s.file.Sparse():
		f, err = b.plainFrame(s, run[0])
		return f, err == nil, err
	case b.sealed == nil || len(b.sources) != len(run):
		return f, false, nil
	}
	for i, l := range run {
		if b.sources[i].Digest != l.Digest {
			return f, false, nil
		}
	}
	f, err = frame.Copied(run, b.sealed.span.Size, func(ctx context.Context, w io.Writer) error {
		sum := sha256.New()
		section := streams.WithContext(ctx, bufio.NewReaderSize(b.archive.Section(b.sealed.span.Offset, b.sealed.span.Size), readSize))
		if _, err := io.Copy(io.MultiWriter(w, sum), section); err != nil {
			return b.archive.Wrap(err)
		}
		if [sha256.Size]byte(sum.Sum(nil)) != b.sealed.sum {
			return b.archive.Wrap(errors.New("it was changed while it was read"))
		}
		return nil
	})
	return f, err == nil, err
}

// plainFrame returns a layer of a plain tar as it is in another one.
func (b *bundle) plainFrame(s *source, l frame.Layer) (frame.Frame, error) {
	header, err := format.TarHeader(l.Name(), l.Size)
	if err != nil {
		return frame.Frame{}, err
	}
	padding := format.Zeros(format.Padding(l.Size))
	return frame.Copied([]frame.Layer{l}, int64(len(header))+l.Size+int64(len(padding)), func(ctx context.Context, w io.Writer) error {
		if _, err := w.Write(header); err != nil {
			return err
		}
		err := b.readAlone(ctx, s, func(s *source, body io.Reader) error {
			_, err := io.Copy(w, s.verified(body))
			return err
		})
		if err != nil {
			return b.archive.Wrap(fmt.Errorf("layer %s: %w", s.Digest, err))
		}
		_, err = w.Write(padding)
		return err
	})
}
