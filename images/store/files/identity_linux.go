package files

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// identity returns what else distinguishes states of a file: the device and inode, and the time of
// the inode's last change, which cannot be set back, unlike the modification time (touch, tar).
func identity(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%d:%d:%d.%d", st.Dev, st.Ino, st.Ctim.Sec, st.Ctim.Nsec)
}

// lastChange returns when the file or its metadata last changed.
func lastChange(info fs.FileInfo) time.Time {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(st.Ctim.Unix())
	}
	return info.ModTime()
}
