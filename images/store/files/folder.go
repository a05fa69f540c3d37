package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/slipway-build/slipway/internal/parallel"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/cache"
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
)

// A Folder is the files of a store: it writes them atomically, detects damage, and keeps records,
// derived files and digests of source files. All its methods may be called from several goroutines.
type Folder struct {
	Dir      string
	ReadOnly bool
	// Output means that files are not marked as used: an output is not pruned.
	Output  bool
	Calls   parallel.Calls
	digests fileMemo
	buffers sync.Pool // of *[copyBuffer]byte
	// Shared has content of other machines; nil means none. SharedRecords are the kinds of records that it has.
	Shared        *cache.Cache
	SharedRecords map[string]bool
	// Flush is (*os.File).Sync, except in tests.
	Flush func(*os.File) error
}

// New returns the Folder in dir. It creates nothing.
func New(dir string) *Folder {
	return &Folder{Dir: dir, Flush: (*os.File).Sync,
		buffers: sync.Pool{New: func() any { return new([copyBuffer]byte) }}}
}

// Whether a file is synced to disk before it is renamed; see the package comment of store.
const (
	Unsynced = false
	Synced   = true
)

// Private returns a path in the folder .slipway.
func (s *Folder) Private(elem ...string) string {
	return filepath.Join(append([]string{s.Dir, ".slipway"}, elem...)...)
}

// HoldsFile reports whether there is a file at path with the size of want. A damaged file, or one of
// another size, is removed with a warning.
func (s *Folder) HoldsFile(ctx context.Context, path string, want Mark) bool {
	info, err := StatRegular(path)
	switch {
	case isDamage(err):
		s.drop(ctx, path, Reason(err))
		return false
	case err != nil:
		return false
	case info.Size() != want.Size:
		s.drop(ctx, path, want.differs(Mark{Size: info.Size()}))
		return false
	}
	s.Touch(path, info)
	return true
}

// Reason strips the path from an error, for messages that name it already.
func Reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Temp creates a file that Commit can rename to anywhere in the store.
func (s *Folder) Temp() (*os.File, error) {
	if s.ReadOnly {
		return nil, fmt.Errorf("OCI layout %s is open read-only", s.Dir)
	}
	f, err := os.CreateTemp(s.Private("ingest"), "*")
	if errors.Is(err, fs.ErrNotExist) {
		// The store was emptied while it was open.
		if err := os.MkdirAll(s.Private("ingest"), 0o755); err != nil {
			return nil, err
		}
		f, err = os.CreateTemp(s.Private("ingest"), "*")
	}
	return f, err
}

// Discard closes and removes a temporary file, unless Commit has renamed it.
func Discard(f *os.File) {
	if f.Close() == nil {
		fileop.Remove(f.Name())
	}
}

// Commit gives f, which is complete and verified, its final name. If another process has done so in
// the meantime, that file has the same content.
func (s *Folder) Commit(f *os.File, path string, sync bool) error {
	// Read-only, since two stores may share the file through a hard link. Regardless of the umask,
	// since other programs read the layout.
	if err := f.Chmod(0o444); err != nil {
		return err
	}
	return s.rename(f, path, sync)
}

// rename closes f and gives it its final name.
func (s *Folder) rename(f *os.File, path string, sync bool) error {
	var err error
	if sync {
		err = s.Flush(f)
	}
	// Windows does not rename open files.
	if err := errors.Join(err, f.Close()); err != nil {
		fileop.Remove(f.Name())
		return err
	}
	err = fileop.Rename(f.Name(), path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = fileop.Rename(f.Name(), path)
		}
	}
	if err == nil {
		return nil
	}
	defer fileop.Remove(f.Name())
	info, statErr := os.Lstat(path)
	switch {
	case statErr == nil && info.IsDir():
		// The path is occupied by something that a store never creates.
		if err := fileop.RemoveAll(path); err != nil {
			return err
		}
		return fileop.Rename(f.Name(), path)
	case statErr == nil && sameContent(f.Name(), path):
		// On Windows, a process that reads the file prevents its replacement.
		return nil
	}
	return err
}

// sameContent reports whether two files can be read and have the same bytes.
func sameContent(a, b string) bool {
	var sums [2]v1.Hash
	for i, path := range []string{a, b} {
		f, err := regular.Open(path)
		if err != nil {
			return false
		}
		sums[i], _, err = v1.SHA256(f)
		f.Close()
		if err != nil {
			return false
		}
	}
	return sums[0] == sums[1]
}

// Replace writes a small file atomically.
func (s *Folder) Replace(path string, content []byte, sync bool) error {
	f, err := s.Temp()
	if err != nil {
		return err
	}
	defer Discard(f)
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	return s.rename(f, path, sync)
}
