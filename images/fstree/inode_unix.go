//go:build unix

package fstree

import (
	"io/fs"
	"syscall"
)

// An inode identifies a file by something other than its name.
type inode struct{ device, number uint64 }

// inodeOf returns the inode of a file, and whether the file has several names.
func inodeOf(info fs.FileInfo) (key inode, several bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Nlink < 2 {
		return inode{}, false
	}
	return inode{uint64(st.Dev), st.Ino}, true
}
