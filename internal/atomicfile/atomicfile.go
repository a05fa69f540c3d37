package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/internal/fileop"
)

// A File is a temporary file that Commit renames to its final path.
type File struct {
	path, final string
}

// Create creates the temporary file for the path final. Its folder must exist. The file has size
// bytes, which are zeros until they are written.
func Create(final string, size int64) (*File, error) {
	fileop.SweepTemporary(final)
	f, err := os.CreateTemp(filepath.Dir(final), "."+filepath.Base(final)+".*.tmp")
	if err != nil {
		return nil, err
	}
	t := &File{path: f.Name(), final: final}
	err = errors.Join(f.Truncate(size), f.Close())
	if err != nil {
		t.Discard()
		return nil, err
	}
	return t, nil
}

// WriteFile writes a file with content, and creates its folder if necessary.
func WriteFile(final string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
		return err
	}
	f, err := Create(final, 0)
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := os.WriteFile(f.Path(), content, 0o644); err != nil {
		return err
	}
	return f.Commit()
}

// Adopt returns a File for a temporary file at path that the caller has created.
func Adopt(path, final string) *File { return &File{path: path, final: final} }

// Path returns the path of the temporary file, or "" after Commit.
func (t *File) Path() string { return t.path }

// Final returns the path to which Commit renames the file.
func (t *File) Final() string { return t.final }

// OpenAt opens the temporary file for writing at offset. Several goroutines may write at the same
// time, each to a handle of its own.
func (t *File) OpenAt(offset int64) (*os.File, error) {
	f, err := os.OpenFile(t.path, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Commit renames the file to its final path, and replaces an existing file. Everyone may read the
// file, whatever the umask.
func (t *File) Commit() error {
	if err := os.Chmod(t.path, 0o644); err != nil {
		return err
	}
	if err := fileop.Rename(t.path, t.final); err != nil {
		return fmt.Errorf("renaming the finished file: %w", err)
	}
	t.path = ""
	return nil
}

// Discard removes the temporary file. After Commit, it does nothing.
func (t *File) Discard() {
	if t.path != "" {
		_ = fileop.Remove(t.path)
	}
}
