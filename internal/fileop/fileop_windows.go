package fileop

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/windows"
)

// isBusy says whether another process has the file open in a way that allows no other.
func isBusy(err error) bool {
	return isAny(err, windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION, windows.ERROR_DELETE_PENDING)
}

// isBlocked says whether a rename or a removal failed for what another process does with
// the file. Access is also denied for lasting reasons, which cannot be told apart.
func isBlocked(err error) bool {
	return isBusy(err) || isAny(err, windows.ERROR_ACCESS_DENIED, windows.ERROR_USER_MAPPED_FILE,
		windows.ERROR_DIR_NOT_EMPTY) // a file that is being deleted still counts
}

func isAny(err error, codes ...syscall.Errno) bool {
	return slices.ContainsFunc(codes, func(code syscall.Errno) bool { return errors.Is(err, code) })
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
