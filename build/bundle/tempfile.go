package bundle

import (
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/internal/fileop"
)

// A tempFile is a temporary file beside its final path, under a name with a leading dot. commit
// renames it.
type tempFile struct {
	file  *os.File
	final string
	done  bool
}

func newTempFile(final string) (*tempFile, error) {
	dir := filepath.Dir(final)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(final)+".*.tmp")
	if err != nil {
		return nil, err
	}
	return &tempFile{file: f, final: final}, nil
}

// commit renames the file to its final name, and replaces an existing file.
func (t *tempFile) commit() error {
	if err := t.file.Close(); err != nil {
		return err
	}
	// Regardless of the umask: artifacts must be readable by everyone.
	if err := os.Chmod(t.file.Name(), 0o644); err != nil {
		return err
	}
	if err := fileop.Rename(t.file.Name(), t.final); err != nil {
		return err
	}
	t.done = true
	return nil
}

// discard removes the file, unless it was committed.
func (t *tempFile) discard() {
	if !t.done {
		t.file.Close() // it may be closed already
		fileop.Remove(t.file.Name())
	}
}
