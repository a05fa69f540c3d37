package fileop

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Place returns an absolute path in which the links above the last element are resolved, so that
// two paths of the same file are equal even if the file does not exist yet. If its folder does not
// exist, the path is only made absolute.
func Place(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return abs
	}
	return filepath.Join(dir, filepath.Base(abs))
}

// WithoutPath returns the reason in an *fs.PathError or an *os.LinkError, for messages that name
// the path themselves, and any other error unchanged.
func WithoutPath(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}
