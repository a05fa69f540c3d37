package deflate

import (
	stdlib "compress/flate"
	"fmt"
	"io"
	"runtime"
	"strings"

	library "github.com/klauspost/compress/flate"
	"github.com/klauspost/pgzip"
)

// The versions of the compressors. A test compares those of modules with go.mod.
const (
	libraryVersion = "klauspost/compress v1.20.3"
	pgzipVersion   = "klauspost/pgzip v1.2.6"
	zlibVersion    = "zlib 1.2.13"
)

// An encoder makes deflate streams.
type encoder struct {
	name string
	open func(w io.Writer) (io.WriteCloser, error)
}

// Levels from fast to best; 6 is what nearly all programs use.
var levels = []int{6, 9, 1, 5, 7, 8, 4, 3, 2}

// encoders are all encoders, the likely ones first.
var encoders = func() (all []encoder) {
	std := goVersion(runtime.Version())
	for _, level := range levels {
		all = append(all,
			encoder{fmt.Sprintf("%s, %s, 1 MiB, level %d", pgzipVersion, libraryVersion, level), parallel(1<<20, level)},
			encoder{fmt.Sprintf("%s level %d", std, level), func(w io.Writer) (io.WriteCloser, error) { return stdlib.NewWriter(w, level) }},
			encoder{fmt.Sprintf("%s level %d", libraryVersion, level), func(w io.Writer) (io.WriteCloser, error) { return library.NewWriter(w, level) }},
			encoder{fmt.Sprintf("%s, %s, 256 KiB, level %d", pgzipVersion, libraryVersion, level), parallel(256<<10, level)})
	}
	for _, level := range levels {
		all = append(all, encoder{fmt.Sprintf("%s level %d", zlibVersion, level), func(w io.Writer) (io.WriteCloser, error) { return newZlibWriter(w, level), nil }})
	}
	return all
}()

// goVersion returns the release of Go that a version belongs to. compress/flate changes in releases, if at all.
func goVersion(version string) string {
	if parts := strings.SplitN(version, ".", 3); len(parts) == 3 && strings.HasPrefix(version, "go") {
		return parts[0] + "." + parts[1]
	}
	return version
}

// Names returns the names of all encoders, the likely ones first, or only of those of zlib.
func Names(zlib bool) (names []string) {
	for _, e := range encoders {
		if !zlib || strings.HasPrefix(e.name, zlibVersion) {
			names = append(names, e.name)
		}
	}
	return names
}

// Open returns a writer that compresses to w. The caller must close it, also after an error. An unknown name is an error.
func Open(name string, w io.Writer) (io.WriteCloser, error) {
	for _, e := range encoders {
		if e.name == name {
			return e.open(w)
		}
	}
	return nil, fmt.Errorf("unknown encoder %q", name)
}

// Known reports whether there is an encoder with a name.
func Known(name string) bool {
	for _, e := range encoders {
		if e.name == name {
			return true
		}
	}
	return false
}

// parallel returns an opener of pgzip, which compresses blocks on several cores. The blocks determine the stream, not the
// number of cores.
func parallel(block, level int) func(w io.Writer) (io.WriteCloser, error) {
	return func(w io.Writer) (io.WriteCloser, error) {
		t := &trimmer{w: w}
		z, err := pgzip.NewWriterLevel(t, level)
		if err != nil {
			return nil, err
		}
		return parallelWriter{z}, z.SetConcurrency(block, runtime.GOMAXPROCS(0))
	}
}

type parallelWriter struct{ *pgzip.Writer }

// Close ends its goroutines even if writing failed; pgzip's own leaves one waiting.
func (z parallelWriter) Close() error {
	err := z.Writer.Close()
	if err != nil {
		z.Reset(io.Discard)
	}
	return err
}

// The sizes of the header without a name, and of the trailer of a gzip member (RFC 1952, section 2.3), in bytes.
const (
	headerSize  = 10
	trailerSize = 8
)

// A trimmer writes a gzip member without header and trailer.
type trimmer struct {
	w    io.Writer
	seen int    // bytes of the header
	held []byte // the last bytes, which may be the trailer
}

func (t *trimmer) Write(b []byte) (int, error) {
	written := len(b)
	n := min(headerSize-t.seen, len(b))
	t.seen += n
	t.held = append(t.held, b[n:]...)
	if n := len(t.held) - trailerSize; n > 0 {
		if _, err := t.w.Write(t.held[:n]); err != nil {
			return 0, err
		}
		t.held = t.held[:copy(t.held, t.held[n:])]
	}
	return written, nil
}
