package extract

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/slipway-build/slipway/internal/fileop"
)

// moveFiles moves all files and links from the folder from to the same paths in the folder to,
// and creates folders as needed. On Windows, the file of a running program can be renamed, but
// its folder cannot. If a file cannot be moved, the error names it, and the others are moved
// back.
func moveFiles(from, to string) (undo func() error, err error) {
	type move struct{ from, to string }
	var moved []move
	back := func() error {
		var errs []error
		for _, m := range slices.Backward(moved) {
			errs = append(errs, fileop.Rename(m.to, m.from))
		}
		return errors.Join(errs...)
	}
	var folders []string
	err = filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if e.IsDir() {
			folders = append(folders, path)
			return os.MkdirAll(target, 0o755)
		}
		if err := fileop.Rename(path, target); err != nil {
			return fmt.Errorf("%s is in use by another program: %w", path, fileop.WithoutPath(err))
		}
		moved = append(moved, move{path, target})
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, back())
	}
	// An empty folder remains if a program has it as its working directory.
	for _, folder := range slices.Backward(folders) {
		_ = fileop.Remove(folder)
	}
	return func() error {
		for _, folder := range folders {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
		}
		return back()
	}, nil
}

// swapFiles moves the files at final to old, and the files of the finished folder to final. Until
// it is done, old has a different name, so that recoverFolder can detect an interruption.
func (t *tempFolder) swapFiles(old string) error {
	aside := t.path + asideEnding
	back, err := moveFiles(t.final, aside)
	if err != nil {
		fileop.RemoveAll(aside)
		return err
	}
	if _, err := moveFiles(t.path, t.final); err != nil {
		return errors.Join(err, back())
	}
	if err := os.Chmod(t.final, 0o755); err != nil {
		return err
	}
	fileop.RemoveAll(t.path)
	return fileop.Rename(aside, old)
}

// asideEnding is the suffix of a folder's name while files are being moved to it.
const asideEnding = ".aside"
