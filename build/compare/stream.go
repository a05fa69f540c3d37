package compare

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"time"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
)

// compressed compares compressed files: their algorithm, the headers of gzip, and their content.
func (r *run) compressed(path []string, first, second string) error {
	p, err := r.newPair()
	if err != nil {
		return err
	}
	defer p.remove()
	a, err := r.decompress(first, p.first)
	if err != nil {
		return r.damaged("first", err)
	}
	b, err := r.decompress(second, p.second)
	if err != nil {
		return r.damaged("second", err)
	}
	before := r.count()
	if a != b {
		r.say(path, "the first is compressed with %s, the second with %s", a, b)
	} else if a == sniff.Gzip {
		if err := r.gzipHeaders(path, first, second); err != nil {
			return err
		}
	}
	inside := r.count()
	if err := r.files(path, p.first, p.second); err != nil {
		return err
	}
	if n := r.count(); n == before {
		r.say(path, "the content is equal, but the %s stream is not: another level or another version of the encoder compressed it", a)
	} else if n == inside {
		r.say(path, "the uncompressed content is equal")
	}
	return nil
}

// decompress writes the content of a file to another.
func (r *run) decompress(from, to string) (sniff.Compression, error) {
	f, err := regular.Open(from)
	if err != nil {
		return "", err
	}
	defer f.Close()
	compression, content, err := sniff.Open(f)
	if err != nil {
		return "", err
	}
	defer content.Close()
	return compression, r.spool(to, content)
}

// gzipHeaders compares the headers of the first members (RFC 1952, 2.3).
func (r *run) gzipHeaders(path []string, first, second string) error {
	a, err := gzipHeader(first)
	if err != nil {
		return r.damaged("first", err)
	}
	b, err := gzipHeader(second)
	if err != nil {
		return r.damaged("second", err)
	}
	if !a.ModTime.Equal(b.ModTime) {
		r.say(path, "time in the gzip header differs: %s and %s", clock(a.ModTime), clock(b.ModTime))
	}
	for _, field := range []struct{ name, a, b string }{
		{"name in the gzip header", a.Name, b.Name}, {"comment in the gzip header", a.Comment, b.Comment},
		{"extra field of the gzip header", string(a.Extra), string(b.Extra)},
		{"operating system in the gzip header", fmt.Sprint(a.OS), fmt.Sprint(b.OS)},
		{"compression level in the gzip header", a.level, b.level},
	} {
		if field.a != field.b {
			r.say(path, "%s differs: %q and %q", field.name, field.a, field.b)
		}
	}
	return nil
}

type gzipHead struct {
	gzip.Header
	level string
}

func gzipHeader(file string) (gzipHead, error) {
	f, err := regular.Open(file)
	if err != nil {
		return gzipHead{}, err
	}
	defer f.Close()
	b := bufio.NewReader(f)
	fixed, err := b.Peek(10)
	if err != nil {
		return gzipHead{}, err
	}
	level := map[byte]string{0: "normal", 2: "best", 4: "fastest"}[fixed[8]]
	z, err := gzip.NewReader(b)
	if err != nil {
		return gzipHead{}, err
	}
	return gzipHead{z.Header, level}, nil
}

// clock formats a time for messages.
func clock(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return t.UTC().Format("2006-01-02T15:04:05.999999999Z")
}

// section opens a part of a file.
func section(f io.ReaderAt, offset, size int64) io.Reader {
	return io.NewSectionReader(f, offset, size)
}
