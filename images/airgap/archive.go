package airgap

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sort"
	"sync"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/sniff"
	"github.com/slipway-build/slipway/internal/streams"
)

// An Archive is an archive open for reading. Its methods may be called from
// several goroutines.
//
// One that has an index, and a plain tar, is read by seeking. Any other is read
// from its beginning, no further than needed.
type Archive struct {
	path  string
	file  *format.File
	size  int64
	codec format.Codec
	// index is nil if there is none.
	index *format.Index

	mu sync.Mutex
	// entries are the files known so far, in their order in the tar, and
	// byName says where in entries each is.
	entries []member
	byName  map[string]int
	// scanner finds the files that follow; nil when all are known.
	scanner *scanner
	// cursors are decompressors that stand where the last reader left them.
	cursors []*cursor
	// passed has small files of a compressed archive.
	passed passed
}

// A member is a file of the tar. Links are followed by open.
type member struct {
	format.Entry
	link string // clean path of what a link points to
	// compression is empty until the file's first bytes were seen.
	compression sniff.Compression
	// differs says that another file has the name, with different content.
	differs bool
	// sparse is, of a file that lies in the tar without its holes, its number among all
	// entries, from 1 on; else 0.
	sparse int
}

// Open opens an archive. How it is compressed is told by its content, not by its
// name. One that lies in parts is opened by the name that it has when they are
// joined, or by that of any part. The caller closes it.
func Open(ctx context.Context, path string) (*Archive, error) {
	a, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("opening archive %s: %w", path, fileop.WithoutPath(err))
	}
	if err := context.Cause(ctx); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func open(path string) (_ *Archive, err error) {
	f, err := format.OpenFile(path)
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
		return nil, err
	}
	a.index, err = format.ReadIndex(f, a.size, a.codec)
	switch {
	case errors.Is(err, format.ErrNoIndex):
		a.scanner, err = a.newScanner()
	case err == nil:
		for _, e := range a.index.Entries {
			if err = a.add(member{Entry: e}); err != nil {
				break
			}
		}
	}
	return a, err
}

// Close closes the archive. Readers that are open end with an error.
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

// Path is where the archive is.
func (a *Archive) Path() string { return a.path }

// Codec is how it is compressed.
func (a *Archive) Codec() format.Codec { return a.codec }

// Size is the size of the file, or of all parts together, in bytes.
func (a *Archive) Size() int64 { return a.size }

// BytesRead returns the number of bytes of the archive that were read. Tests prove by it
// that no frame is decompressed many times.
func (a *Archive) BytesRead() int64 { return a.file.BytesRead() }

// Seekable says whether any file of the archive can be read without what is
// before it.
func (a *Archive) Seekable() bool { return a.codec == format.Tar || a.index != nil }

// add makes a file known. a.mu is held, or a is not shared yet.
func (a *Archive) add(m member) error {
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

// lookup finds a file by name, and follows links.
func (a *Archive) lookup(ctx context.Context, name string) (member, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name = format.CleanName(name)
	for range 10 {
		i, ok := a.byName[name]
		for !ok && a.scanner != nil {
			if err := a.scanner.next(ctx, a); err != nil {
				return member{}, a.wrap(err)
			}
			i, ok = a.byName[name]
		}
		if !ok {
			return member{}, a.wrap(fmt.Errorf("file %q: %w", name, fs.ErrNotExist))
		}
		m := a.entries[i]
		if m.differs {
			return member{}, a.wrap(format.DuplicateError(m.Name))
		}
		if m.link == "" {
			return m, nil
		}
		name = m.link
	}
	return member{}, a.wrap(fmt.Errorf("file %q is a link to a missing file", name))
}

func (a *Archive) wrap(err error) error {
	return fmt.Errorf("reading archive %s: %w", a.path, fileop.WithoutPath(err))
}

// readJSON reads a small file whole. The caller must not change the content.
func (a *Archive) readJSON(ctx context.Context, name string) ([]byte, error) {
	m, err := a.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	if m.Size > format.JSONLimit {
		return nil, a.wrap(fmt.Errorf("file %q has %d bytes; at most %d of JSON are read", name, m.Size, format.JSONLimit))
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

// small returns the content of a small file of a compressed archive. The caller must not
// change it.
func (a *Archive) small(ctx context.Context, m member) (content []byte, ok bool, err error) {
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

// compressionOf returns the compression of a file.
func (a *Archive) compressionOf(ctx context.Context, m member) (sniff.Compression, error) {
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

// open reads a file.
func (a *Archive) open(ctx context.Context, m member) (io.ReadCloser, error) {
	return a.openAt(ctx, m, 0)
}

// openAt reads a file from offset on. A file that ends early is an error.
func (a *Archive) openAt(ctx context.Context, m member, offset int64) (io.ReadCloser, error) {
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
	return &memberReader{archive: a, cursor: c, ctx: ctx, name: m.Name, left: m.Size - offset}, nil
}

// seek returns a cursor before the file.
func (a *Archive) seek(m member) (*cursor, error) {
	if a.codec == format.Tar {
		return &cursor{r: io.NopCloser(io.NewSectionReader(a.file, m.Offset, a.size-m.Offset)), pos: m.Offset}, nil
	}
	begin, _, pos, err := a.runOf(m)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	best := -1
	for i, c := range a.cursors {
		if a.onTheWay(c, m, pos) && (best < 0 || c.pos > a.cursors[best].pos) {
			best = i
		}
	}
	if best >= 0 {
		c := a.cursors[best]
		a.cursors = append(a.cursors[:best], a.cursors[best+1:]...)
		a.mu.Unlock()
		return c, nil
	}
	a.mu.Unlock()
	return a.newCursor(begin, a.end(), pos)
}

// runOf says which bytes of a compressed archive must be decompressed to reach a
// file, begin to end, and where in the tar they are: those of its frame, or all.
func (a *Archive) runOf(m member) (begin, end, pos int64, err error) {
	if a.index == nil {
		return 0, a.size, 0, nil
	}
	frames := a.index.Frames
	header := a.headerOf(m)
	i := sort.Search(len(frames), func(i int) bool { return frames[i].TarOffset+frames[i].TarSize > header })
	if i == len(frames) {
		return 0, 0, 0, io.ErrUnexpectedEOF
	}
	return frames[i].Offset, frames[i].Offset + frames[i].Size, frames[i].TarOffset, nil
}

// end is where the archive's compressed tar ends, before the index of offsets.
func (a *Archive) end() int64 {
	if a.index == nil || len(a.index.Frames) == 0 {
		return a.size
	}
	last := a.index.Frames[len(a.index.Frames)-1]
	return last.Offset + last.Size
}

// onTheWay says whether a cursor comes by a file without decompressing more than a new one
// would, which begins at pos in the tar. A file is followed by padding.
func (a *Archive) onTheWay(c *cursor, m member, pos int64) bool {
	return c.pos > pos-format.BlockSize && c.pos <= a.headerOf(m)
}

// headerOf is where in the tar a file's last header block is; without an index, where
// its content is, since its header has been read.
func (a *Archive) headerOf(m member) int64 {
	if a.index == nil {
		return m.Offset
	}
	return m.Offset - format.BlockSize
}

// reach moves a cursor to pos, which lies in a file. If it is before the file, the
// header is compared with what the archive's index says.
func (a *Archive) reach(ctx context.Context, c *cursor, m member, pos int64) error {
	if a.index != nil && a.codec != format.Tar {
		if err := c.skip(ctx, a.headerOf(m)); err != nil {
			return err
		}
		var block [format.BlockSize]byte
		if _, err := io.ReadFull(c.r, block[:]); err != nil {
			return streams.NoEOF(err)
		}
		c.pos += format.BlockSize
		h, err := tar.NewReader(bytes.NewReader(block[:])).Next()
		// The size of a file over 8 GiB is in a PAX record before this block.
		if err != nil || h.Name != m.Name || h.Typeflag != tar.TypeReg || h.Size != m.Size && m.Size < 1<<33 {
			return errors.New("the archive's index names a place where the file is not")
		}
	}
	return c.skip(ctx, pos)
}

// A cursor is a place in the uncompressed tar.
type cursor struct {
	r   io.ReadCloser
	pos int64
}

// newCursor decompresses the file's bytes from begin to end, which are the tar's
// from pos on.
func (a *Archive) newCursor(begin, end, pos int64) (*cursor, error) {
	r, err := a.codec.Decompress(io.NewSectionReader(a.file, begin, end-begin))
	if err != nil {
		return nil, err
	}
	return &cursor{r: r, pos: pos}, nil
}

// skip goes on to a place further on.
func (c *cursor) skip(ctx context.Context, pos int64) error {
	n, err := io.CopyN(io.Discard, streams.WithContext(ctx, c.r), pos-c.pos)
	c.pos += n
	return streams.NoEOF(err)
}

// maxCursors is how many decompressors are kept for later readers. Each holds a
// window, of 32 MiB at most in our own archives.
const maxCursors = 4

// A memberReader reads the rest of a file. It lives as long as its reader, whose
// context it keeps.
type memberReader struct {
	archive *Archive
	cursor  *cursor
	ctx     context.Context
	name    string
	left    int64
}

func (r *memberReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	n, err := r.cursor.r.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	r.cursor.pos += int64(n)
	if err == nil || n > 0 && r.left == 0 {
		return n, nil
	}
	return n, r.archive.wrap(fmt.Errorf("file %q: %w", r.name, streams.NoEOF(err)))
}

// Close keeps the decompressor for the reader of a file that follows.
func (r *memberReader) Close() error {
	a, c := r.archive, r.cursor
	if c == nil {
		return nil
	}
	r.cursor, r.left = nil, 0
	if a.codec == format.Tar {
		return c.r.Close()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cursors = append(a.cursors, c)
	if len(a.cursors) > maxCursors {
		oldest := a.cursors[0]
		a.cursors = a.cursors[1:]
		return oldest.r.Close()
	}
	return nil
}
