package disks

import (
	"math"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// fileSystem returns an ID of the volume of path, which need not exist, and the number of bytes that this user can
// still write.
func fileSystem(path string) (id string, free int64, err error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", 0, err
	}
	name, err := windows.UTF16PtrFromString(existing(abs))
	if err != nil {
		return "", 0, err
	}
	var bytes uint64
	if err := windows.GetDiskFreeSpaceEx(name, &bytes, nil, nil); err != nil {
		return "", 0, err
	}
	return strings.ToUpper(filepath.VolumeName(abs)), int64(min(bytes, math.MaxInt64)), nil
}
