package airgap

import (
	"context"
	"errors"
	"io"
	"sort"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// A File is a file of an archive's tar, for readers that decide themselves what is
// decompressed when. Other readers use the layers of an Image.
type File struct{ file }

// Name returns the name of the file, which is clean and without a leading slash.
func (f File) Name() string { return f.file.Name }

// Size returns the size of the file, in bytes.
func (f File) Size() int64 { return f.file.Size }

// Sparse reports whether the tar leaves out the holes of the file. Such a file cannot be
// read by Run and Plain.
func (f File) Sparse() bool { return f.sparse > 0 }

// Before reports whether the content of f comes before that of other in the tar.
func (f File) Before(other File) bool { return f.Offset < other.Offset }

// File returns the file with a name, or the file to which a link with that name leads.
// If there is none, the error wraps fs.ErrNotExist.
func (a *Archive) File(ctx context.Context, name string) (File, error) {
	m, err := a.lookup(ctx, name)
	return File{m}, err
}

// ReadFile returns the content of a file of at most limit bytes. If there is none with the name, the error
// wraps fs.ErrNotExist.
func (a *Archive) ReadFile(ctx context.Context, name string, limit int64) ([]byte, error) {
	return a.read(ctx, name, limit)
}

// Wrap adds the path of the archive to an error of reading one of its files.
func (a *Archive) Wrap(err error) error { return a.wrap(err) }

// OpenAlone opens a file at offset with a decompressor of its own, which is closed with
// the reader.
func (a *Archive) OpenAlone(ctx context.Context, f File, offset int64) (io.ReadCloser, error) {
	return a.openAlone(ctx, f.file, offset)
}

// OpenPlain opens size bytes of a file at offset in an archive that is a plain tar. If
// the archive is one file on disk, the reader is an *os.File, so that the kernel can
// copy it to a connection; it does not end after size bytes.
func (a *Archive) OpenPlain(f File, offset, size int64) (io.ReadCloser, error) {
	if a.codec != format.Tar {
		return nil, a.wrap(errors.New("not a plain tar"))
	}
	begin := f.Offset + offset
	if len(a.file.Files) != 1 {
		return io.NopCloser(io.NewSectionReader(a.file, begin, size)), nil
	}
	file, err := regular.Open(a.path)
	if err != nil {
		return nil, a.wrap(err)
	}
	if _, err := file.Seek(begin, io.SeekStart); err != nil {
		return nil, errors.Join(a.wrap(err), file.Close())
	}
	return file, nil
}

// Run returns the number of the run of a file. Files with the same number are
// decompressed together: the files of one frame, or all files of an archive without an
// index.
func (a *Archive) Run(f File) (int64, error) {
	begin, _, _, err := a.runOf(f.file)
	if err != nil {
		return 0, a.wrap(err)
	}
	return begin, nil
}

// A Frame is a frame of an archive with an index.
type Frame struct {
	format.Span
	// Entries are the files of the frame, in order.
	Entries []format.Entry
}

// FrameOf returns the frame of a file. It returns false if the archive has no index, as a plain tar.
func (a *Archive) FrameOf(f File) (Frame, bool) {
	if a.index == nil {
		return Frame{}, false
	}
	begin, _, _, err := a.runOf(f.file)
	if err != nil {
		return Frame{}, false
	}
	at := sort.Search(len(a.index.Frames), func(i int) bool { return a.index.Frames[i].Offset >= begin })
	out := Frame{Span: a.index.Frames[at]}
	// Entries that lie in two frames are found in neither.
	in := a.index.Entries
	first := sort.Search(len(in), func(i int) bool { return in[i].Offset > out.TarOffset })
	end := sort.Search(len(in), func(i int) bool { return in[i].Offset+in[i].Size > out.TarOffset+out.TarSize })
	out.Entries = in[first:max(first, end)]
	return out, true
}

// Frames returns the positions of all frames. A plain tar is one, and so is an archive without an index, whose size as a
// tar is not known; it is 0 then.
func (a *Archive) Frames() []format.Span {
	switch {
	case a.index != nil:
		return a.index.Frames
	case a.codec == format.Tar:
		return []format.Span{{Size: a.size, TarSize: a.size}}
	}
	return []format.Span{{Size: a.size}}
}

// Section returns a reader of bytes of the archive as they are on disk.
func (a *Archive) Section(offset, size int64) *io.SectionReader {
	return io.NewSectionReader(a.file, offset, size)
}

// A RunReader reads the files of one run, in the order of the tar.
type RunReader struct {
	archive *Archive
	cursor  *cursor
}

// OpenRun opens the run of a file. The caller closes it.
func (a *Archive) OpenRun(f File) (*RunReader, error) {
	begin, end, pos, err := a.runOf(f.file)
	if err != nil {
		return nil, err
	}
	c, err := a.newCursor(begin, end, pos)
	if err != nil {
		return nil, err
	}
	return &RunReader{archive: a, cursor: c}, nil
}

// Next moves to a later file of the run and returns a reader of its content, which is
// valid until the next call. If the file ends early, the reader returns
// io.ErrUnexpectedEOF.
func (r *RunReader) Next(ctx context.Context, f File) (io.Reader, error) {
	if err := r.archive.reach(ctx, r.cursor, f.file, f.Offset); err != nil {
		return nil, err
	}
	content := streams.Exactly(streams.WithContext(ctx, r.cursor.r), f.Size())
	return streams.Func(func(p []byte) (int, error) {
		n, err := content.Read(p)
		r.cursor.pos += int64(n)
		return n, err
	}), nil
}

// Close closes the decompressor.
func (r *RunReader) Close() error { return r.cursor.r.Close() }
