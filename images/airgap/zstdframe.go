package airgap

import (
	"context"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/store"
)

// encoderVersion names the compressor whose output is cached. It is the version
// in go.mod, which a test compares: another version may make other bytes.
const encoderVersion = "klauspost/compress v1.20.3"

// levels are the names of the zstd levels and the encoder's.
var levels = map[string]zstd.EncoderLevel{
	"fastest": zstd.SpeedFastest,
	"default": zstd.SpeedDefault,
	"better":  zstd.SpeedBetterCompression,
	"best":    zstd.SpeedBestCompression,
}

// zstdFrames makes the frames of .tar.zst archives.
type zstdFrames struct {
	content  *store.Store
	level    zstd.EncoderLevel
	encoders encoders
	// slots bounds how many encoders are at work.
	slots chan struct{}
}

// maxEncoders keeps a pack below 256 MiB on any machine: an encoder of the best
// level has 32 MiB of tables and twice its window of history, about 100 MiB.
const maxEncoders = 2

func newZstdFrames(content *store.Store, level zstd.EncoderLevel) *zstdFrames {
	return &zstdFrames{content: content, level: level, slots: make(chan struct{}, maxEncoders)}
}

// small compresses a frame that is made anew for each archive. The best level would
// gain nothing here, and has tables of 34 MiB.
func (z *zstdFrames) small(b []byte) ([]byte, error) {
	// A window that holds all is enough, and bounds what the encoder allocates.
	window := min(max(1<<bits.Len(uint(len(b))), zstd.MinWindowSize), MaxWindow)
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	return enc.EncodeAll(b, nil), nil
}

// run returns the frame of a run of layers. It is taken from the store if it was
// made earlier; done is told how many of its bytes are done.
func (z *zstdFrames) run(ctx context.Context, run []layer, done func(int)) (frame, bool, error) {
	f, headers, err := describe(run)
	if err != nil {
		return frame{}, false, err
	}
	level := z.level
	if !slices.ContainsFunc(run, func(l layer) bool { return !l.verbatim() || l.compression == "none" }) {
		// Nothing comes of compressing again what is compressed.
		level = zstd.SpeedFastest
	}
	cached := true
	path, err := z.content.Derived(ctx, "zstd-frame", frameKey(level, run), func(w io.Writer) error {
		cached = false
		select {
		case z.slots <- struct{}{}:
			defer func() { <-z.slots }()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		enc, err := z.encoders.take(level)
		if err != nil {
			return err
		}
		defer z.encoders.give(level, enc)
		// With its size in the header, a small frame asks for a small window,
		// and zstd -l shows what is inside.
		enc.ResetContentSize(w, f.tarSize)
		for i, l := range run {
			if _, err := enc.Write(headers[i]); err != nil {
				return err
			}
			if err := writeBody(ctx, z.content, l, progressWriter{enc, done}); err != nil {
				return err
			}
			if _, err := enc.Write(zeros[:padding(l.size)]); err != nil {
				return err
			}
		}
		return enc.Close()
	})
	if err != nil {
		return frame{}, false, err
	}
	if cached {
		done(int(f.tarSize))
	}
	chunk, err := fileChunk(path)
	if err != nil {
		return frame{}, false, err
	}
	f.chunks = append(f.chunks, chunk)
	return f, cached, nil
}

// frameKey names a frame by all that its bytes depend on.
func frameKey(level zstd.EncoderLevel, run []layer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s window %d", encoderVersion, level, MaxWindow)
	for _, l := range run {
		fmt.Fprintf(&b, " %s", l.digest)
	}
	return b.String()
}

// encoders keeps encoders for the next frame.
type encoders struct {
	mu   sync.Mutex
	free map[zstd.EncoderLevel][]*zstd.Encoder
}

func (e *encoders) take(level zstd.EncoderLevel) (*zstd.Encoder, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if free := e.free[level]; len(free) > 0 {
		e.free[level] = free[:len(free)-1]
		return free[len(free)-1], nil
	}
	// An encoder works alone on its frame, so that the output does not depend
	// on the number of cores; frames are what is made in parallel.
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(MaxWindow))
}

func (e *encoders) give(level zstd.EncoderLevel, enc *zstd.Encoder) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.free == nil {
		e.free = map[zstd.EncoderLevel][]*zstd.Encoder{}
	}
	enc.Reset(nil)
	e.free[level] = append(e.free[level], enc)
}

// drop lets go of all encoders.
func (e *encoders) drop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.free = nil
}

// progressWriter tells how much went through it.
type progressWriter struct {
	w    io.Writer
	done func(int)
}

func (p progressWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.done(n)
	return n, err
}
