package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"

	"github.com/slipway-build/slipway/internal/fileop"
)

// Open opens the file at path for reading. It follows symlinks. A pipe is accepted if path is one
// of this process's own descriptors, such as /dev/stdin or the /dev/fd/63 of a shell's <(command).
// Errors are *fs.PathError.
func Open(path string) (*os.File, error) {
	f, err := fileop.Open(func() (*os.File, error) { return os.OpenFile(path, flags, 0) })
	if err != nil {
		// A socket cannot be opened at all, and the system's error does not give this reason.
		if info, statErr := os.Stat(path); statErr == nil && info.Mode()&fs.ModeSocket != 0 {
			err = refuse(path, info)
		}
		return nil, err
	}
	return check(f, path)
}

// check checks the open file rather than the path, which may have been replaced.
func check(f *os.File, path string) (*os.File, error) {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() && !(info.Mode()&fs.ModeNamedPipe != 0 && isDescriptor(path)) {
		err = refuse(path, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Check returns the error that Open would return, for files that a library will open.
func Check(path string) error {
	f, err := Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// errNotRegular is wrapped by errors about files that are not regular.
var errNotRegular = errors.New("not a regular file")

func refuse(path string, info fs.FileInfo) error {
	return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("it is a %s, %w", Kind(info.Mode()), errNotRegular)}
}

// Kind returns the name of the type of a file that is not regular, for messages, such as "named
// pipe".
func Kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "folder"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}

var descriptor = regexp.MustCompile(`^/(dev|proc/(self|[0-9]+))/fd/[0-9]+$`)

// isDescriptor reports whether path names an open descriptor of this process.
func isDescriptor(path string) bool {
	if runtime.GOOS == "windows" {
		return false
	}
	// /dev/stdin is a symlink to a descriptor.
	for range 8 {
		if path = filepath.Clean(path); descriptor.MatchString(path) {
			return true
		}
		target, err := os.Readlink(path)
		if err != nil {
			return false
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return false
}

// maxRead is far larger than any file that is read into memory.
const maxRead = 64 << 20

// ReadFile returns the content of the file at path. Errors, including that for a file larger than
// 64 MiB, are *fs.PathError.
func ReadFile(path string) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxRead+1))
	if err == nil && len(content) > maxRead {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("it is larger than 64 MiB, too large for a file of this kind")}
	}
	if err != nil {
		return nil, err
	}
	return content, nil
}
