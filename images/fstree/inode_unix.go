//go:build unix

package fstree

import (
	"io/fs"
	"syscall"
)

// An inode names a file of a file system, whatever its names.
type inode struct{ device, number uint64 }

// inodeOf returns the inode of a file that has several names.
func inodeOf(info fs.FileInfo) (key inode, several bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Nlink < 2 {
		return inode{}, false
	}
	return inode{uint64(st.Dev), st.Ino}, true
}
