package filestate

import (
	"io/fs"
	"syscall"
)

// addSystem sets ChangeTime and Inode.
func (s *State) addSystem(info fs.FileInfo) {
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.Inode = sys.Ino
		s.ChangeTime = sys.Ctim.Nano()
	}
}
