package store

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
	"github.com/slipway-build/slipway/internal/fileop"
	"github.com/slipway-build/slipway/internal/regular"
)

// A folder is the files of a store: it writes them atomically, detects damage, and keeps records,
// derived files and digests of source files. All its methods may be called from several goroutines.
type folder struct {
	dir      string
	readOnly bool
	// output means that files are not marked as used: an output is not pruned.
	output  bool
	calls   parallel.Calls
	digests fileMemo
	buffers sync.Pool // of *[copyBuffer]byte
	// flush is (*os.File).Sync, except in tests.
	flush func(*os.File) error
}

func newFolder(dir string) *folder {
	return &folder{dir: dir, flush: (*os.File).Sync,
		buffers: sync.Pool{New: func() any { return new([copyBuffer]byte) }}}
}

// Whether a file is synced to disk before it is renamed; see the package comment of store.
const (
	unsynced = false
	synced   = true
)

// private returns a path in the folder .slipway.
func (s *folder) private(elem ...string) string {
	return filepath.Join(append([]string{s.dir, ".slipway"}, elem...)...)
}

// holdsFile is holds for any file.
func (s *folder) holdsFile(ctx context.Context, path string, want fileMark) bool {
	info, err := statRegular(path)
	switch {
	case isDamage(err):
		s.drop(ctx, path, reason(err))
		return false
	case err != nil:
		return false
	case info.Size() != want.Size:
		s.drop(ctx, path, want.differs(fileMark{Size: info.Size()}))
		return false
	}
	s.touch(path, info)
	return true
}

// reason strips the path from an error, for messages that name it already.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// temp creates a file that commit can rename to anywhere in the store.
func (s *folder) temp() (*os.File, error) {
	if s.readOnly {
		return nil, fmt.Errorf("OCI layout %s is open read-only", s.dir)
	}
	f, err := os.CreateTemp(s.private("ingest"), "*")
	if errors.Is(err, fs.ErrNotExist) {
		// The store was emptied while it was open.
		if err := os.MkdirAll(s.private("ingest"), 0o755); err != nil {
			return nil, err
		}
		f, err = os.CreateTemp(s.private("ingest"), "*")
	}
	return f, err
}

// discard closes and removes a temporary file, unless commit has renamed it.
func discard(f *os.File) {
	if f.Close() == nil {
		fileop.Remove(f.Name())
	}
}

// commit gives f, which is complete and verified, its final name. If another process has done so in
// the meantime, that file has the same content.
func (s *folder) commit(f *os.File, path string, sync bool) error {
	// Read-only, since two stores may share the file through a hard link. Regardless of the umask,
	// since other programs read the layout.
	if err := f.Chmod(0o444); err != nil {
		return err
	}
	return s.rename(f, path, sync)
}

// rename closes f and gives it its final name.
func (s *folder) rename(f *os.File, path string, sync bool) error {
	var err error
	if sync {
		err = s.flush(f)
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

// replace writes a small file atomically.
func (s *folder) replace(path string, content []byte, sync bool) error {
	f, err := s.temp()
	if err != nil {
		return err
	}
	defer discard(f)
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	return s.rename(f, path, sync)
}
