//go:build linux || darwin || freebsd

package disks

import (
	"fmt"
	"math"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fileSystem returns an ID of the file system of path, which need not exist, and the number of bytes that this user can
// still write.
func fileSystem(path string) (id string, free int64, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", 0, err
	}
	var (
		stat unix.Stat_t
		fs   unix.Statfs_t
	)
	abs = existing(abs)
	if err := unix.Stat(abs, &stat); err != nil {
		return "", 0, err
	}
	if err := unix.Statfs(abs, &fs); err != nil {
		return "", 0, err
	}
	bytes := uint64(fs.Bavail) * uint64(fs.Bsize)
	return fmt.Sprint(stat.Dev), int64(min(bytes, math.MaxInt64)), nil
}
