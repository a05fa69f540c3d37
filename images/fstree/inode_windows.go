package fstree

import "io/fs"

// An inode is not used on Windows.
type inode struct{}

// inodeOf reports no hard links on Windows: each name is a file of its own.
func inodeOf(fs.FileInfo) (key inode, several bool) { return inode{}, false }
