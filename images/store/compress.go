package store

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"

	"github.com/slipway-build/slipway/images"
)

const (
	// gzipBlock is the size of the pieces that are compressed on different cores. It determines the
	// output, so it must not depend on the machine. Each piece sees the 16 KiB before it.
	gzipBlock = 1 << 20
	// zstdWindow is the maximum distance of a match. 8 MiB is zstd's own choice at its usual
	// levels, and what every decoder must support (RFC 8878, section 3.1.1.1.2).
	zstdWindow = 8 << 20
	// zstdWorkers is constant: with one worker, klauspost/compress splits blocks differently than
	// with more, and its default is the number of cores.
	zstdWorkers = 2
)

// compressor returns a writer that compresses to w as specified by c. The same input produces the
// same bytes on every machine.
func compressor(w io.Writer, c images.Compression) (io.WriteCloser, error) {
	c = normalize(c)
	if c.Algorithm == "none" {
		return nopCloser{w}, nil
	}
	found, _ := idle.LoadOrStore(c, &sync.Pool{})
	pool := found.(*sync.Pool)
	z, ok := pool.Get().(encoder)
	if ok {
		z.Reset(w)
	} else {
		var err error
		if z, err = newEncoder(w, c); err != nil {
			return nil, err
		}
	}
	if z, ok := z.(*pgzip.Writer); ok {
		z.ModTime = time.Unix(0, 0) // its zero time is not zero in the header
	}
	return pooled{z, pool}, nil
}

// idle has the encoders that are not in use: of an images.Compression, as normalize returns it, a *sync.Pool. A new one
// allocates megabytes, which are more than most layers have.
var idle sync.Map

// An encoder is a *pgzip.Writer or a *zstd.Encoder. It can be used again after Close and Reset.
type encoder interface {
	io.WriteCloser
	Reset(io.Writer)
}

func newEncoder(w io.Writer, c images.Compression) (encoder, error) {
	switch c.Algorithm {
	case "gzip":
		z, err := pgzip.NewWriterLevel(w, c.Level)
		if err != nil {
			return nil, err
		}
		// Reset sets the same values.
		return z, z.SetConcurrency(gzipBlock, runtime.GOMAXPROCS(0))
	case "zstd":
		return zstd.NewWriter(w,
			zstd.WithEncoderLevel(zstd.EncoderLevel(c.Level)),
			zstd.WithWindowSize(zstdWindow),
			zstd.WithEncoderConcurrency(zstdWorkers),
			zstd.WithZeroFrames(true))
	default:
		return nil, fmt.Errorf("compression %q: want gzip, zstd or none", c.Algorithm)
	}
}

// A pooled encoder goes back to its pool when it is closed.
type pooled struct {
	encoder
	pool *sync.Pool
}

// Close also ends the goroutines of an encoder whose writing failed; pgzip's own Close leaves one waiting.
func (p pooled) Close() error {
	err := p.encoder.Close()
	p.encoder.Reset(io.Discard)
	if err == nil {
		p.pool.Put(p.encoder)
	}
	return err
}

// normalize replaces defaults by their values, and zstd's 22 levels by the four of
// klauspost/compress, so that equal output has an equal key.
func normalize(c images.Compression) images.Compression {
	switch c.Algorithm {
	case "", "gzip":
		return images.Compression{Algorithm: "gzip", Level: cmp.Or(c.Level, 6)}
	case "zstd":
		return images.Compression{Algorithm: "zstd", Level: int(zstd.EncoderLevelFromZstd(cmp.Or(c.Level, 3)))}
	}
	return c
}

// encoderVersions identifies what determines the bytes of a compressed layer besides its input:
// another version of a compressor may compress differently.
func encoderVersions() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	var versions []string
	for _, m := range info.Deps {
		if m.Path == "github.com/klauspost/compress" || m.Path == "github.com/klauspost/pgzip" {
			if m.Replace != nil {
				m = m.Replace
			}
			versions = append(versions, m.Path+"@"+m.Version)
		}
	}
	return strings.Join(versions, " ")
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
