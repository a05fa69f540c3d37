package airgap

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/sniff"
)

// An Archive is an open archive. Its methods may be called from several goroutines.
//
// A plain tar, and an archive with an index, is read by seeking. Other archives are read from the
// beginning, as far as needed.
type Archive struct {
	path  string
	file  *format.File
	size  int64
	codec format.Codec
	// index is nil if the archive does not have an index.
	index *format.Index

	mu sync.Mutex
	// entries are the files found so far, in their order in the tar. byName has their indexes in
	// entries.
	entries []file
	byName  map[string]int
	// scanner finds more files. It is nil when all files were found.
	scanner *scanner
	// cursors are the decompressors of closed readers, for readers of later files.
	cursors []*cursor
	// passed keeps small files of a compressed archive.
	passed passed
}

// A file is a file or a link of the tar.
type file struct {
	format.Entry
	link string // the clean name that a link leads to
	// compression is empty until the first bytes of the file were read.
	compression sniff.Compression
	// differs is set if a later file has the same name and other content.
	differs bool
	// sparse is the number of a sparse file among all entries of the tar, from 1 on, and 0 for
	// other files.
	sparse int
}

// Open opens an archive. Its compression is detected from its content, not its name. path is that of the whole archive,
// even if it is split, or that of any part. It may be an http:// or https:// URL: the archive is then read by ranges, while
// ctx is valid. It may be a delta; see format.WithDeltas. The caller closes the archive.
func Open(ctx context.Context, path string) (*Archive, error) {
	a, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("opening archive %s: %w", redact.Text(path), fileop.WithoutPath(err))
	}
	if err := context.Cause(ctx); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func open(ctx context.Context, path string) (_ *Archive, err error) {
	f, err := format.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	a := &Archive{path: f.Name, file: f, size: f.Size(), byName: map[string]int{}}
	if a.codec, err = format.CodecOfFile(f, a.size); err != nil {
		return nil, cmp.Or(f.Err(), err)
	}
	a.index, err = format.ReadIndex(f, a.size, a.codec)
	switch failed := f.Err(); {
	case failed != nil:
		err = failed
	case errors.Is(err, format.ErrNoIndex):
		a.scanner, err = a.newScanner()
	case err == nil:
		for _, e := range a.index.Entries {
			if err = a.add(file{Entry: e}); err != nil {
				break
			}
		}
	}
	return a, err
}

// Close closes the archive. Open readers end with an error.
func (a *Archive) Close() error {
	a.passed.forget()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.cursors {
		c.r.Close()
	}
	a.cursors = nil
	if a.scanner != nil {
		a.scanner.close()
	}
	return a.file.Close()
}

// Path returns the path of the archive, or its URL without secrets; of a split archive it is that of the whole.
func (a *Archive) Path() string { return a.path }

// OpenFile returns the open file, which must not be closed.
func (a *Archive) OpenFile() *format.File { return a.file }

// Codec returns the compression of the archive.
func (a *Archive) Codec() format.Codec { return a.codec }

// Size returns the size of the archive, or of all parts together, in bytes.
func (a *Archive) Size() int64 { return a.size }

// BytesRead returns the number of bytes of the archive that were read. Tests use it to show that no frame is
// decompressed many times.
func (a *Archive) BytesRead() int64 { return a.file.BytesRead() }

// Seekable reports whether a file can be read without decompressing the archive from its beginning.
func (a *Archive) Seekable() bool { return a.codec == format.Tar || a.index != nil }

// add adds a file that was found. a.mu is held, or a is not shared yet.
func (a *Archive) add(m file) error {
	if len(a.entries) >= format.MaxEntries {
		return fmt.Errorf("more than %d files: not an archive of images", format.MaxEntries)
	}
	if _, ok := a.byName[m.Name]; ok {
		return format.DuplicateError(m.Name)
	}
	a.byName[m.Name] = len(a.entries)
	a.entries = append(a.entries, m)
	return nil
}

// lookup returns the file with a name, and follows links.
func (a *Archive) lookup(ctx context.Context, name string) (file, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name = format.CleanName(name)
	for range 10 {
		i, ok := a.byName[name]
		for !ok && a.scanner != nil {
			if err := a.scanner.next(ctx, a); err != nil {
				return file{}, a.wrap(err)
			}
			i, ok = a.byName[name]
		}
		if !ok {
			return file{}, a.wrap(fmt.Errorf("file %q: %w", name, fs.ErrNotExist))
		}
		m := a.entries[i]
		if m.differs {
			return file{}, a.wrap(format.DuplicateError(m.Name))
		}
		if m.link == "" {
			return m, nil
		}
		name = m.link
	}
	return file{}, a.wrap(fmt.Errorf("file %q is a link to a missing file", name))
}

func (a *Archive) wrap(err error) error {
	return fmt.Errorf("reading archive %s: %w", a.path, fileop.WithoutPath(err))
}

// readJSON reads a file of at most format.JSONLimit bytes. The caller must not change the content.
func (a *Archive) readJSON(ctx context.Context, name string) ([]byte, error) {
	return a.read(ctx, name, format.JSONLimit)
}

func (a *Archive) read(ctx context.Context, name string, limit int64) ([]byte, error) {
	m, err := a.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	if m.Size > limit {
		return nil, a.wrap(fmt.Errorf("file %q has %d bytes; at most %d are read", name, m.Size, limit))
	}
	if content, ok, err := a.small(ctx, m); ok || err != nil {
		return content, err
	}
	r, err := a.open(ctx, m)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content := make([]byte, m.Size)
	if _, err := io.ReadFull(r, content); err != nil {
		return nil, a.wrap(fmt.Errorf("file %q: %w", name, err))
	}
	return content, nil
}

// small returns the content of a file if it is kept, or is a small file of a compressed archive. The caller
// must not change it.
func (a *Archive) small(ctx context.Context, m file) (content []byte, ok bool, err error) {
	if content, ok := a.passed.small.get(m.Name); ok {
		return content, true, nil
	}
	if a.codec == format.Tar || m.Size > smallFile || m.sparse > 0 {
		return nil, false, nil
	}
	content, err = a.passed.read(ctx, a, m)
	if err != nil {
		return nil, false, a.wrap(fmt.Errorf("file %q: %w", m.Name, err))
	}
	return content, true, nil
}

// compressionOf returns how a file is compressed.
func (a *Archive) compressionOf(ctx context.Context, m file) (sniff.Compression, error) {
	if m.compression != "" {
		return m.compression, nil
	}
	r, err := a.open(ctx, m)
	if err != nil {
		return "", err
	}
	defer r.Close()
	head := make([]byte, min(m.Size, sniff.HeadLen))
	if _, err := io.ReadFull(r, head); err != nil {
		return "", a.wrap(fmt.Errorf("file %q: %w", m.Name, err))
	}
	return sniff.CompressionOf(head), nil
}

// open opens a file.
func (a *Archive) open(ctx context.Context, m file) (io.ReadCloser, error) {
	return a.openAt(ctx, m, 0)
}

// openAt opens a file at offset. A file that ends early is an error of the reader.
func (a *Archive) openAt(ctx context.Context, m file, offset int64) (io.ReadCloser, error) {
	content, ok, err := a.small(ctx, m)
	if err != nil {
		return nil, err
	}
	if ok {
		return io.NopCloser(bytes.NewReader(content[offset:])), nil
	}
	if m.sparse > 0 {
		return a.openSparse(ctx, m, offset)
	}
	c, err := a.seek(m)
	if err == nil {
		err = a.reach(ctx, c, m, m.Offset+offset)
	}
	if err != nil {
		if c != nil {
			c.r.Close()
		}
		return nil, a.wrap(fmt.Errorf("file %q: %w", m.Name, err))
	}
	return &fileReader{archive: a, cursor: c, ctx: ctx, name: m.Name, left: m.Size - offset}, nil
}
