package catalog

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"

	"github.com/slipway-build/slipway/images/fstree"
)

// Read reads a tar. Temporary files are created in the folder temp, or in that of the operating system if temp is
// empty.
func Read(ctx context.Context, ar *fstree.Archive, limits fstree.Limits, temp string) (*Layer, error) {
	s := NewScan(temp)
	defer s.Close()
	if err := limits.Read(ctx, ar, s.Add); err != nil {
		return nil, err
	}
	return s.Layer(), nil
}

// A Scan makes a Layer of the entries of an archive.
type Scan struct {
	layer  *Layer
	reader *fileReader
	kept   int // the size of all facts
}

// NewScan returns a Scan that creates temporary files in the folder temp.
func NewScan(temp string) *Scan {
	return &Scan{layer: &Layer{Facts: map[int]*Facts{}}, reader: newFileReader(temp)}
}

// Close removes temporary files. Entries can still be added, which may create others.
func (s *Scan) Close() error { return s.reader.close() }

// Layer returns the result.
func (s *Scan) Layer() *Layer { return s.layer }

// AddKnown adds an entry whose content is known.
func (s *Scan) AddKnown(h *fstree.Header, digests Digests, facts *Facts) {
	if facts != nil {
		s.layer.Facts[len(s.layer.Headers)] = facts
	}
	s.layer.Headers, s.layer.Digests = append(s.layer.Headers, *h), append(s.layer.Digests, digests)
}

// Add reads the next entry, and the content of a file to its end.
func (s *Scan) Add(h *fstree.Header, content io.Reader) error {
	l, index := s.layer, len(s.layer.Headers)
	l.Headers, l.Digests = append(l.Headers, *h), append(l.Digests, Digests{})
	if h.Type != tar.TypeReg {
		return nil
	}
	digests, facts, err := s.reader.read(h.Name, h.Size, content)
	if err != nil {
		return fmt.Errorf("file %q: %w", h.Name, err)
	}
	l.Digests[index] = digests
	if facts == nil {
		return nil
	}
	size := facts.size()
	if s.kept += size; s.kept > maxLayer {
		s.kept -= size
		facts = &Facts{Problem: errTooMuch.Error()}
	}
	l.Facts[index] = facts
	return nil
}

// A fileReader reads files, one after another. newFileReader makes one.
type fileReader struct {
	spool  *spool
	head   *bufio.Reader
	sha1   hash.Hash
	sha256 hash.Hash
	buffer []byte
}

// headSize is the size of the start of a file that is read to detect its format, and the size of reads, in bytes.
const headSize = 64 << 10

// newFileReader returns a fileReader that creates temporary files in the folder temp.
func newFileReader(temp string) *fileReader {
	return &fileReader{spool: &spool{dir: temp}, head: bufio.NewReaderSize(nil, headSize), sha1: sha1.New(), sha256: sha256.New(),
		buffer: make([]byte, headSize)}
}

func (r *fileReader) close() error { return r.spool.close() }

// read reads a file of size bytes to its end. name is its path in the archive, which determines the format of a
// database. facts is nil if the file contains no information about software. An error is an error of content, or of the
// temporary file.
func (r *fileReader) read(name string, size int64, content io.Reader) (digests Digests, facts *Facts, err error) {
	r.sha1.Reset()
	r.sha256.Reset()
	source := &source{r: content}
	r.head.Reset(io.TeeReader(source, io.MultiWriter(r.sha1, r.sha256)))
	if facts, err = r.facts(name, size); err == nil {
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r.head}, r.buffer)
	}
	if source.err != nil { // the cause of the other errors
		err = source.err
	}
	if err != nil {
		return Digests{}, nil, err
	}
	r.sha1.Sum(digests.SHA1[:0])
	r.sha256.Sum(digests.SHA256[:0])
	return digests, facts, nil
}

// A source keeps the error of a reader. Errors of parsers alone are not errors of the file.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// facts returns the facts in the file, or nil.
func (r *fileReader) facts(name string, size int64) (*Facts, error) {
	if size == 0 {
		return nil, nil
	}
	if read := namedFile(name); read != nil {
		return read(r, size)
	}
	return r.goBuild(size)
}

// IsNamed reports whether the path of a file in an archive decides how it is read, as that of a database does. What is
// found in any other file depends on its content alone.
func IsNamed(name string) bool { return namedFile(name) != nil }

// A readFunc reads the facts in a file.
type readFunc func(r *fileReader, size int64) (*Facts, error)

// namedFile returns what reads a file whose path says what it is, or nil.
func namedFile(name string) readFunc {
	name = path.Clean("/" + name)[1:]
	name = strings.TrimPrefix(name, "Files/")
	dir, base := path.Split(name)
	switch dir {
	case "":
		if base == PackageInfo {
			return textFile(packageInfo)
		}
	case "var/lib/dpkg/":
		if base == "status" {
			return textFile(dpkgPackages)
		}
	case "var/lib/dpkg/status.d/":
		if strings.HasSuffix(base, md5Suffix) {
			return textFile(dpkgSums)
		}
		return textFile(dpkgPackages)
	case "var/lib/dpkg/info/":
		switch {
		case strings.HasSuffix(base, listSuffix):
			return textFile(dpkgList)
		case strings.HasSuffix(base, md5Suffix):
			return textFile(dpkgSums)
		}
	case "lib/apk/db/", "usr/lib/apk/db/":
		if base == "installed" {
			return textFile(apkPackages)
		}
	case "etc/", "usr/lib/":
		if base == "os-release" {
			return textFile(osRelease)
		}
	case "var/lib/rpm/", "usr/lib/sysimage/rpm/", "usr/share/rpm/":
		switch base {
		case "Packages", "Packages.db", "rpmdb.sqlite":
			return (*fileReader).rpmPackages
		}
	}
	if base == "copyright" && path.Dir(path.Clean(dir)) == "usr/share/doc" {
		return textFile(licencesOf)
	}
	return nil
}

// textFile returns the readFunc of a parser.
func textFile(parse func(io.Reader) (*Facts, error)) readFunc {
	return func(r *fileReader, _ int64) (*Facts, error) { return parsed(parse(r.head)), nil }
}

// parsed adds an error to facts. Parsers return what they read before the error.
func parsed(f *Facts, err error) *Facts {
	if err == nil {
		return f
	}
	if f == nil {
		f = &Facts{}
	}
	f.Problem = err.Error()
	return f
}
