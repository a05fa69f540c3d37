package frame

import (
	"context"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strings"

	library "github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/images/zstd"
	"github.com/slipway-build/slipway/internal/sniff"
)

// encoderVersion names the compressors of the library. It is part of the keys of cached frames. A test compares it
// with go.mod.
const encoderVersion = format.LibraryVersion

// levels are the zstd levels by name.
var levels = map[images.ZstdLevel]Level{
	images.FastestZstd: {library: library.SpeedFastest},
	images.DefaultZstd: {library: library.SpeedDefault},
	images.BetterZstd:  {library: library.SpeedBetterCompression},
	images.BestZstd:    {own: zstd.Best},
	images.MaxZstd:     {own: zstd.Max},
}

// zstdFrames makes the frames of .tar.zst archives.
type zstdFrames struct {
	content Content
	level   Level
	// slots bounds how many encoders are at work. A slot is acquired before
	// store.DerivedFile is called; that order prevents a deadlock.
	slots           chan struct{}
	encoders        pool[*zstd.Encoder]
	libraryEncoders pool[*library.Encoder]
}

// maxEncoders keeps the memory below 256 MiB on any machine: an encoder has a window and tables of 60 to
// 100 MB. One of our own uses two to three cores.
const maxEncoders = 2

func newZstdFrames(content Content, level Level) *zstdFrames {
	return &zstdFrames{content: content, level: level, slots: make(chan struct{}, maxEncoders)}
}

func (z *zstdFrames) Small(ctx context.Context, t *SmallTar) (Frame, error) {
	return t.compressed(ctx, z.content, "zstd-small", fmt.Sprintf("%s %s window %d", encoderVersion, smallLevel, smallWindow), openZstd)
}

// The level and the largest window for small files, in bytes. A higher level or a larger window would not
// make configs and manifests smaller, and each reader allocates the window.
const (
	smallLevel  = library.SpeedBetterCompression
	smallWindow = 8 << 20
)

func openZstd(w io.Writer, size int64) (io.WriteCloser, error) {
	window := min(max(1<<bits.Len64(uint64(size)), library.MinWindowSize), smallWindow)
	enc, err := library.NewWriter(nil, library.WithEncoderLevel(smallLevel), library.WithEncoderConcurrency(1),
		library.WithWindowSize(window), library.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	enc.ResetContentSize(w, size)
	return enc, nil
}

func (z *zstdFrames) Run(ctx context.Context, run []Layer, done func(int)) (Frame, bool, error) {
	f, headers, err := describe(run)
	if err != nil {
		return Frame{}, false, err
	}
	m := &zstdMaker{zstdFrames: z, done: done}
	for i, l := range run {
		m.files = append(m.files, tarFile{l, headers[i]})
	}
	defer m.giveSlot()
	switch all := segments(m.files); {
	case !slices.ContainsFunc(run, func(l Layer) bool { return !l.Verbatim() || l.Compression == sniff.None }):
		// All layers are compressed already.
		err = m.stored(ctx, &f)
	case z.level.library != 0:
		err = m.byLibrary(ctx, &f)
	case len(all) == 1:
		err = m.whole(ctx, &f)
	default:
		err = m.inSegments(ctx, &f, all)
	}
	return f, !m.slot, err
}

func (z *zstdFrames) Release() {
	z.encoders.drop()
	z.libraryEncoders.drop()
}

// A zstdMaker makes one frame.
type zstdMaker struct {
	*zstdFrames
	files []tarFile
	done  func(int)
	slot  bool // it has a slot
}

// made returns the file of a part. If the store does not have it, write makes it.
func (m *zstdMaker) made(ctx context.Context, p part) (*store.File, error) {
	if !m.slot && !m.content.HasDerived(ctx, p.kind, p.key) {
		select {
		case m.slots <- struct{}{}:
			m.slot = true
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	fresh := false
	made, err := m.content.ProvenFile(ctx, p.kind, p.key, func(w io.Writer) error {
		fresh = true
		return p.write(w)
	})
	if err == nil && !fresh {
		m.done(int(p.size))
	}
	return made, err
}

func (m *zstdMaker) giveSlot() {
	if m.slot {
		<-m.slots
	}
}

// write writes the tar of the frame.
func (m *zstdMaker) write(ctx context.Context, w io.Writer) error {
	for _, f := range m.files {
		if _, err := w.Write(f.header); err != nil {
			return err
		}
		if err := WriteBody(ctx, m.content, f.Layer, w); err != nil {
			return err
		}
		if _, err := w.Write(format.Zeros(format.Padding(f.Size))); err != nil {
			return err
		}
	}
	return nil
}

// stored makes the frame without compression, of copies of blobs. It is not kept in the store: it takes as long to make
// as to copy.
func (m *zstdMaker) stored(ctx context.Context, f *Frame) error {
	blobs := make([]*store.File, len(m.files))
	for i, file := range m.files {
		var err error
		if blobs[i], err = m.content.BlobFile(ctx, file.Source); err != nil {
			return err
		}
	}
	size := f.TarSize
	f.pieces = []piece{{zstd.StoredSize(size), func(ctx context.Context, w io.Writer) error {
		s := zstd.NewStoredWriter(w, size)
		for i, file := range m.files {
			if err := copyFile(ctx, s, file.Layer, file.header, blobs[i]); err != nil {
				return err
			}
		}
		return nil
	}}}
	m.done(int(size))
	return nil
}

// byLibrary makes the frame with an encoder of the library.
func (m *zstdMaker) byLibrary(ctx context.Context, f *Frame) error {
	key := fmt.Sprintf("%s %s window %d%s", encoderVersion, m.level.library, format.MaxWindow, digests(m.files))
	return m.inParts(ctx, f, nil, part{"zstd-frame", key, f.TarSize, func(w io.Writer) error {
		enc, err := m.libraryEncoders.take(func() (*library.Encoder, error) { return format.LibraryEncoder(m.level.library) })
		if err != nil {
			return err
		}
		defer func() {
			enc.Reset(nil)
			m.libraryEncoders.give(enc)
		}()
		// A small frame with its size in the header needs a small window only, and zstd -l
		// shows the size.
		enc.ResetContentSize(w, f.TarSize)
		if err := m.write(ctx, progressWriter{enc, m.done}); err != nil {
			return err
		}
		return enc.Close()
	}})
}

// digests returns the part of a key that names layers.
func digests(files []tarFile) string {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, " %s", f.Digest)
	}
	return b.String()
}

// A progressWriter calls done with the number of bytes written.
type progressWriter struct {
	w    io.Writer
	done func(int)
}

func (p progressWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.done(n)
	return n, err
}
