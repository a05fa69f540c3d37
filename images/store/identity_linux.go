package store

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// identity is what else tells one state of a file from another: the device and
// inode, and the time of the inode's last change, which no program can set back
// as touch and tar set back the modification time.
func identity(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%d:%d:%d.%d", st.Dev, st.Ino, st.Ctim.Sec, st.Ctim.Nsec)
}

// lastChange is when the file or what is known of it changed last.
func lastChange(info fs.FileInfo) time.Time {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(st.Ctim.Unix())
	}
	return info.ModTime()
}
