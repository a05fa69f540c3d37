package compile

import (
	"io/fs"
	"syscall"
)

// identify returns what distinguishes this state of a file from others.
func identify(info fs.FileInfo) fileIdentity {
	id := fileIdentity{Size: info.Size(), ModTime: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Inode = sys.Ino
		id.ChangeTime = sys.Ctim.Nano()
	}
	return id
}
