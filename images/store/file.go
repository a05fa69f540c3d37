package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/cespare/xxhash/v2"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/regular"
)

// A File is an immutable file of a store: a blob, or a derived file. Its content is
// checked whenever it is copied.
type File struct {
	store *Store
	path  string
	mark  fileMark
}

// A fileMark is what is remembered of a file, to know damage by.
type fileMark struct {
	Size int64 `json:"size"`
	// XXH64 is the checksum of the bytes. A SHA-256 of all that is copied would
	// take longer than copying it; against attackers there are digests.
	XXH64 uint64 `json:"xxh64"`
}

// Path is where the file lies.
func (f *File) Path() string { return f.path }

// Size is the size of the file in bytes.
func (f *File) Size() int64 { return f.mark.Size }

// copyBuffer is how much is read, checked and written at a time, in bytes. With this
// much, checking and copying takes no longer than copy_file_range does; with 128 KiB
// it takes a third more.
const copyBuffer = 1 << 20

// CopyTo writes the file to w. A file that is not what it was made as is removed, and
// is a *DamagedError; w has got some of its bytes then.
func (f *File) CopyTo(ctx context.Context, w io.Writer) error {
	r, err := f.store.openRegular(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		// Another process found it damaged, or pruned it.
		return &DamagedError{Path: f.path, Reason: fmt.Errorf("it is gone: %w", fs.ErrNotExist)}
	}
	if err != nil {
		return err
	}
	defer r.Close()
	buf := f.store.buffers.Get().(*[copyBuffer]byte)
	defer f.store.buffers.Put(buf)
	var got fileMark
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
			return f.store.unreadable(f.path, r, err)
		}
	}
	got.XXH64 = sum.Sum64()
	if got == f.mark {
		return nil
	}
	r.Close() // Windows removes no open file
	return f.store.damaged(f.path, f.mark.differs(got))
}

// Check is CopyTo without the copy.
func (f *File) Check(ctx context.Context) error { return f.CopyTo(ctx, io.Discard) }

func (m fileMark) differs(got fileMark) error {
	switch {
	case got.Size > m.Size:
		return fmt.Errorf("it has more than its %d bytes", m.Size)
	case got.Size < m.Size:
		return fmt.Errorf("it has %d of its %d bytes", got.Size, m.Size)
	}
	return fmt.Errorf("its bytes have the checksum %016x instead of %016x", got.XXH64, m.XXH64)
}

// statRegular is os.Stat for what must be a regular file; anything else is no file.
func statRegular(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errIrregular
	}
	return info, err
}

// openRegular opens a file that must be a regular one. One that can never be read is
// damaged, and an error that says so. A file that is not there is an error that wraps
// fs.ErrNotExist.
func (s *Store) openRegular(path string) (*os.File, error) {
	// Before it is opened: opening a pipe waits for its writer.
	info, err := statRegular(path)
	var f *os.File
	if err == nil {
		f, err = regular.Open(path)
	}
	switch {
	case err == nil:
		s.touch(path, info)
		return f, nil
	case isDamage(err):
		return nil, s.damaged(path, reason(err))
	}
	return nil, err
}

// unreadable is the error of a file that could not be read, which is removed if it
// never will be.
func (s *Store) unreadable(path string, f *os.File, err error) error {
	if !isDamage(err) {
		return fmt.Errorf("reading %s: %w", path, reason(err))
	}
	f.Close()
	return s.damaged(path, reason(err))
}

// errUnknownChecksum says that nobody has read a blob as a layer yet.
var errUnknownChecksum = errors.New("the blob's checksum is not known")

// BlobFile returns the file of a blob for which Info is known.
func (s *Store) BlobFile(ctx context.Context, h v1.Hash) (*File, error) {
	info, ok := s.knownInfo(ctx, h)
	if !ok {
		return nil, fmt.Errorf("reading blob %s in %s: %w", h, s.dir, errUnknownChecksum)
	}
	return &File{s, s.Path(h), fileMark{info.Size, info.XXH64}}, nil
}
