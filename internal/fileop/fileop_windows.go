package fileop

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/windows"
)

// isBusy reports whether another process has the file open without sharing it.
func isBusy(err error) bool {
	return isAny(err, windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION, windows.ERROR_DELETE_PENDING)
}

// isBlocked reports whether a rename or a removal failed because another process uses the file.
// "Access denied" may also be permanent, which cannot be distinguished.
func isBlocked(err error) bool {
	return isBusy(err) || isAny(err, windows.ERROR_ACCESS_DENIED, windows.ERROR_USER_MAPPED_FILE,
		windows.ERROR_DIR_NOT_EMPTY) // a file that is being deleted still counts
}

func isAny(err error, codes ...syscall.Errno) bool {
	return slices.ContainsFunc(codes, func(code syscall.Errno) bool { return errors.Is(err, code) })
}

// rename also replaces a read-only file, which MoveFileEx does not: it first makes the file
// writable. If it removed the file instead, a reader could find it missing for a moment.
func rename(from, to string) error {
	err := os.Rename(from, to)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if info, statErr := os.Lstat(to); statErr != nil || !info.Mode().IsRegular() || info.Mode()&0o200 != 0 || os.Chmod(to, 0o600) != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		_ = os.Chmod(to, 0o400)
		return err
	}
	return nil
}
