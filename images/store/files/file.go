package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/cespare/xxhash/v2"

	"github.com/slipway-build/slipway/internal/regular"
)

// A File is an immutable file of a store: a blob, or a derived file. Its content is checked
// whenever it is copied.
type File struct {
	folder *Folder
	path   string
	mark   Mark
}

// A Mark is used to detect damage to a file.
type Mark struct {
	Size int64 `json:"size"`
	// XXH64 is the checksum of the content. Computing a SHA-256 for every copy would take longer
	// than copying; digests protect against attackers.
	XXH64 uint64 `json:"xxh64"`
}

// File returns the file at path, which must have the content that mark describes.
func (s *Folder) File(path string, mark Mark) *File { return &File{s, path, mark} }

// Path returns the path of the file.
func (f *File) Path() string { return f.path }

// Size returns the size of the file in bytes.
func (f *File) Size() int64 { return f.mark.Size }

// copyBuffer is the number of bytes that are read, checked and written at a time. With this size,
// checking and copying takes no longer than copy_file_range; with 128 KiB it takes a third longer.
const copyBuffer = 1 << 20

// CopyTo writes the file to w. If the content is wrong, the file is removed and the error is a
// *DamagedError; some of its bytes have been written to w then.
func (f *File) CopyTo(ctx context.Context, w io.Writer) error {
	r, err := f.folder.OpenRegular(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		// Another process found it damaged, or pruned it.
		return &DamagedError{Path: f.path, Reason: fmt.Errorf("it has been removed: %w", fs.ErrNotExist)}
	}
	if err != nil {
		return err
	}
	defer r.Close()
	buf := f.folder.buffers.Get().(*[copyBuffer]byte)
	defer f.folder.buffers.Put(buf)
	var got Mark
	sum := xxhash.New()
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n, err := r.Read(buf[:])
		sum.Write(buf[:n])
		if got.Size += int64(n); got.Size > f.mark.Size {
			break
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return f.folder.Unreadable(f.path, r, err)
		}
	}
	got.XXH64 = sum.Sum64()
	if got == f.mark {
		return nil
	}
	r.Close() // Windows does not remove open files
	return f.folder.Damaged(f.path, f.mark.differs(got))
}

// Check is CopyTo without the copy.
func (f *File) Check(ctx context.Context) error { return f.CopyTo(ctx, io.Discard) }

func (m Mark) differs(got Mark) error {
	switch {
	case got.Size > m.Size:
		return fmt.Errorf("it is larger than its %d bytes", m.Size)
	case got.Size < m.Size:
		return fmt.Errorf("it has %d of its %d bytes", got.Size, m.Size)
	}
	return fmt.Errorf("the content has checksum %016x instead of %016x", got.XXH64, m.XXH64)
}

// StatRegular is os.Stat for a regular file. Anything else counts as damaged.
func StatRegular(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errIrregular
	}
	return info, err
}

// OpenRegular opens a regular file. A file that can never be read is removed as damaged. The error
// for a missing file wraps fs.ErrNotExist.
func (s *Folder) OpenRegular(path string) (*os.File, error) {
	// Check before opening: opening a pipe waits for its writer.
	info, err := StatRegular(path)
	var f *os.File
	if err == nil {
		f, err = regular.Open(path)
	}
	switch {
	case err == nil:
		s.Touch(path, info)
		return f, nil
	case isDamage(err):
		return nil, s.Damaged(path, Reason(err))
	}
	return nil, err
}

// Unreadable returns the error for a file that could not be read, and removes the file if it is
// permanently unreadable.
func (s *Folder) Unreadable(path string, f *os.File, err error) error {
	if !isDamage(err) {
		return fmt.Errorf("reading %s: %w", path, Reason(err))
	}
	f.Close()
	return s.Damaged(path, Reason(err))
}
