package fileop

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// isBlocked says whether an operation failed for what another process does with the
// file. Access is also denied for lasting reasons, which cannot be told apart.
func isBlocked(err error) bool {
	for _, blocked := range []syscall.Errno{
		windows.ERROR_ACCESS_DENIED, windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION,
		windows.ERROR_USER_MAPPED_FILE, windows.ERROR_DELETE_PENDING,
		windows.ERROR_DIR_NOT_EMPTY, // a file that is being deleted still counts
	} {
		if errors.Is(err, blocked) {
			return true
		}
	}
	return false
}

// rename removes a read-only file first, which MoveFileEx does not replace.
func rename(from, to string) error {
	err := os.Rename(from, to)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if info, statErr := os.Lstat(to); statErr != nil || !info.Mode().IsRegular() || info.Mode()&0o200 != 0 || os.Remove(to) != nil {
		return err
	}
	return os.Rename(from, to)
}
