package store

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
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
	switch c := normalize(c); c.Algorithm {
	case "gzip":
		z, err := pgzip.NewWriterLevel(w, c.Level)
		if err != nil {
			return nil, err
		}
		// Its zero time is not zero in the header.
		z.ModTime = time.Unix(0, 0)
		return gzipWriter{z}, z.SetConcurrency(gzipBlock, runtime.GOMAXPROCS(0))
	case "zstd":
		return zstd.NewWriter(w,
			zstd.WithEncoderLevel(zstd.EncoderLevel(c.Level)),
			zstd.WithWindowSize(zstdWindow),
			zstd.WithEncoderConcurrency(zstdWorkers),
			zstd.WithZeroFrames(true))
	case "none":
		return nopCloser{w}, nil
	default:
		return nil, fmt.Errorf("compression %q: want gzip, zstd or none", c.Algorithm)
	}
}

// A gzipWriter ends its goroutines even if writing failed; pgzip's own Close leaves one waiting.
type gzipWriter struct{ *pgzip.Writer }

func (z gzipWriter) Close() error {
	err := z.Writer.Close()
	if err != nil {
		z.Reset(io.Discard)
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
