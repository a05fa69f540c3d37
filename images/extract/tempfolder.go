package extract

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/internal/fileop"
)

// A tempFolder becomes the folder at final when it is committed. Until then it is next to final,
// under a name that begins with a dot.
type tempFolder struct {
	path, final string
	// root is used for all writes, so that none can leave the folder.
	root *os.Root
	// old is the path of the folder that was at final, while it is kept.
	old string
	// swapped is set if commit moved the files of the folders instead of the folders.
	swapped bool
}

// newTempFolder creates a temporary folder and the parents of final. final must be a folder or not
// exist.
func newTempFolder(final string) (*tempFolder, error) {
	final, err := filepath.Abs(final)
	if err != nil {
		return nil, err
	}
	parent := filepath.Dir(final)
	if parent == final {
		return nil, fmt.Errorf("folder %s cannot be replaced", final)
	}
	switch info, err := os.Lstat(final); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, fmt.Errorf("%s is a link; name the folder that it leads to", final)
	case !info.IsDir():
		return nil, fmt.Errorf("%s exists and is not a folder", final)
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	final = fileop.Place(final)
	if err := recoverFolder(final); err != nil {
		return nil, fmt.Errorf("restoring the folder that an interrupted run moved away: %w", err)
	}
	fileop.SweepTemporary(final)
	path, err := os.MkdirTemp(parent, "."+filepath.Base(final)+".*.tmp")
	if err != nil {
		return nil, err
	}
	t := &tempFolder{path: path, final: final}
	if t.root, err = os.OpenRoot(path); err != nil {
		t.discard()
		return nil, err
	}
	return t, nil
}

// commit gives the folder its final name. It keeps the previous folder until discard, for revert.
// For a moment there is no folder at final, since not all platforms can exchange two folders.
func (t *tempFolder) commit() error {
	// Windows cannot rename an open folder.
	if err := t.root.Close(); err != nil {
		return err
	}
	// All users run programs from there, whatever the umask.
	if err := os.Chmod(t.path, 0o755); err != nil {
		return err
	}
	old := t.path + ".old"
	switch err := fileop.Rename(t.final, old); {
	case err == nil:
		t.old = old
	case fileop.InUse(err):
		if err := t.swapFiles(old); err != nil {
			return fmt.Errorf("replacing the files of the existing folder: %w", err)
		}
		t.path, t.old, t.swapped = "", old, true
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("moving the existing folder aside: %w", err)
	}
	if err := fileop.Rename(t.path, t.final); err != nil {
		return errors.Join(fmt.Errorf("renaming the finished folder: %w", err), t.restore())
	}
	t.path = ""
	return nil
}

// revert undoes commit.
func (t *tempFolder) revert() error {
	if t.path != "" {
		return nil // it was not committed
	}
	if t.swapped {
		fresh := t.old + asideEnding
		if _, err := moveFiles(t.final, fresh); err != nil {
			return err
		}
		_, err := moveFiles(t.old, t.final)
		return errors.Join(err, fileop.RemoveAll(fresh))
	}
	if err := fileop.RemoveAll(t.final); err != nil {
		return err
	}
	return t.restore()
}

func (t *tempFolder) restore() error {
	if t.old == "" {
		return nil
	}
	err := fileop.Rename(t.old, t.final)
	t.old = ""
	return err
}

// discard removes the temporary folder, unless it was committed, and the folder that commit
// replaced. If files of the replaced folder are still in use, it remains until the next
// replacement. That is not an error; leftover is its path.
func (t *tempFolder) discard() (leftover string, err error) {
	if t.root != nil {
		t.root.Close()
	}
	if t.path != "" {
		err = fileop.RemoveAll(t.path)
	}
	if t.old != "" && fileop.RemoveAll(t.old) != nil {
		leftover = t.old
	}
	return leftover, err
}
