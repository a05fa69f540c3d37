package airgap

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/internal/fileop"
)

// placeOf spells a path of a file or folder to be written so that two paths of one
// place are equal: absolute, and with the links above it followed.
func placeOf(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return abs // nothing is there, and writing says what is wrong
	}
	return filepath.Join(dir, filepath.Base(abs))
}

// A tempFile becomes the file at final once it is complete. Until then it lies
// beside it under a name with a leading dot, which nodes do not read.
type tempFile struct {
	path, final string
}

// newTempFile creates a file of size bytes, for which there must be room.
func newTempFile(final string, size int64) (*tempFile, error) {
	fileop.SweepTemporary(final)
	f, err := os.CreateTemp(filepath.Dir(final), "."+filepath.Base(final)+".*.tmp")
	if err != nil {
		return nil, err
	}
	t := &tempFile{path: f.Name(), final: final}
	err = errors.Join(f.Truncate(size), f.Close())
	if err != nil {
		t.discard()
		return nil, err
	}
	return t, nil
}

// at opens the file for writing at offset. Several may write at once, in places
// of their own.
func (t *tempFile) at(offset int64) (*os.File, error) {
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

// commit gives the file its final name, in place of one that is there.
func (t *tempFile) commit() error {
	// Whatever the umask: artifacts are to be read by everyone.
	if err := os.Chmod(t.path, 0o644); err != nil {
		return err
	}
	if err := fileop.Rename(t.path, t.final); err != nil {
		return fmt.Errorf("renaming the finished file: %w", err)
	}
	t.path = ""
	return nil
}

// discard removes the file, unless it was committed.
func (t *tempFile) discard() {
	if t.path != "" {
		fileop.Remove(t.path)
	}
}
