package delta

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	library "github.com/klauspost/compress/zstd"

	"github.com/slipway-build/slipway/images/airgap/delta/deflate"
	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/images/zstd"
	"github.com/slipway-build/slipway/internal/streams"
)

// A runEncoder writes runs that are made, in their order. It needs about 60 MB for segments.
type runEncoder struct {
	segments *zstd.Encoder
	level    zstd.Level // of segments
}

// write writes the run m, whose content is in made, to w. encoder is the name of its encoder, or "".
func (e *runEncoder) write(ctx context.Context, w io.Writer, made io.ReaderAt, encoder string, m madeRun, buf []byte) error {
	read := func(w io.Writer, from, size int64) error {
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, streams.WithContext(ctx, streams.Exactly(io.NewSectionReader(made, from, size), size)), buf)
		return err
	}
	out := &exactWriter{w: w, left: m.Size}
	var err error
	if encoder == "" {
		err = read(out, m.From, m.Content)
	} else if level := segmentLevel(encoder); level >= 0 {
		err = e.segment(out, level, m, read)
	} else if level := libraryLevel(encoder); level > 0 {
		err = frame(out, level, m, read)
	} else {
		err = deflated(out, encoder, m, read)
	}
	if err != nil {
		return err
	}
	return out.ended()
}

// segment encodes a segment of a zstd frame.
func (e *runEncoder) segment(w io.Writer, level zstd.Level, m madeRun, read func(w io.Writer, from, size int64) error) error {
	if e.segments == nil || e.level != level {
		e.segments, e.level = zstd.NewEncoder(level), level
	}
	if !m.Continued {
		e.segments.Reset()
	}
	e.segments.Begin(w)
	err := read(loader{e.segments}, m.From-m.Window, m.Window)
	if err == nil {
		err = read(e.segments, m.From, m.Content)
	}
	if failed := e.segments.End(); failed != nil {
		return failed
	}
	return err
}

// segmentEncoder returns the name of the encoder of segments at a level.
func segmentEncoder(level zstd.Level) string { return "zstd segment " + level.Version() }

// segmentEncoders are the encoders of segments by level.
var segmentEncoders = []string{zstd.Best: segmentEncoder(zstd.Best), zstd.Max: segmentEncoder(zstd.Max)}

// segmentLevel returns the level of an encoder of segments, or -1.
func segmentLevel(encoder string) zstd.Level {
	return zstd.Level(slices.Index(segmentEncoders, encoder))
}

// libraryEncoder returns the name of the encoder of the library at a level.
func libraryEncoder(level library.EncoderLevel) string {
	return fmt.Sprintf("%s zstd %s", format.LibraryVersion, level)
}

// libraryEncoders make whole frames at libraryLevels, the likely ones first.
var (
	libraryLevels   = []library.EncoderLevel{library.SpeedDefault, library.SpeedBetterCompression, library.SpeedFastest}
	libraryEncoders = []string{libraryEncoder(libraryLevels[0]), libraryEncoder(libraryLevels[1]), libraryEncoder(libraryLevels[2])}
)

// libraryLevel returns the level of an encoder of the library, or 0.
func libraryLevel(encoder string) library.EncoderLevel {
	if i := slices.Index(libraryEncoders, encoder); i >= 0 {
		return libraryLevels[i]
	}
	return 0
}

// frame encodes a whole zstd frame.
func frame(w io.Writer, level library.EncoderLevel, m madeRun, read func(w io.Writer, from, size int64) error) error {
	z, err := format.LibraryEncoder(level)
	if err != nil {
		return err
	}
	z.ResetContentSize(w, m.Content)
	err = read(z, m.From, m.Content)
	// Close ends its goroutines, even after an error.
	if closeErr := z.Close(); err == nil {
		err = closeErr
	}
	return err
}

// knownEncoder reports whether this program has an encoder.
func knownEncoder(name string) bool {
	return segmentLevel(name) >= 0 || libraryLevel(name) > 0 || deflate.Known(name)
}

// deflated encodes a deflate stream.
func deflated(w io.Writer, encoder string, m madeRun, read func(w io.Writer, from, size int64) error) error {
	z, err := deflate.Open(encoder, w)
	if err != nil {
		return err
	}
	err = read(z, m.From, m.Content)
	// Close ends its goroutines, even after an error.
	if closeErr := z.Close(); err == nil {
		err = closeErr
	}
	return err
}

// errOther is the error for a run that the encoder makes otherwise.
var errOther = errors.New("the encoder makes other bytes")

// A loader is a writer that primes the window of an encoder.
type loader struct{ enc *zstd.Encoder }

func (l loader) Write(b []byte) (int, error) {
	l.enc.Load(b)
	return len(b), nil
}

// An exactWriter refuses more or less than left bytes.
type exactWriter struct {
	w    io.Writer
	left int64
}

func (e *exactWriter) Write(b []byte) (int, error) {
	if e.left -= int64(len(b)); e.left < 0 {
		return 0, fmt.Errorf("%w: more bytes", errOther)
	}
	return e.w.Write(b)
}

func (e *exactWriter) ended() error {
	if e.left != 0 {
		return fmt.Errorf("%w: %d bytes less", errOther, e.left)
	}
	return nil
}
