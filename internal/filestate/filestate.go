package filestate

import "io/fs"

// A State identifies the content of a file without reading it.
type State struct {
	Size int64 `json:"size"`
	// ModTime and ChangeTime are nanoseconds since 1970. ChangeTime and Inode are 0 if the system
	// does not provide them.
	ModTime    int64  `json:"mtime"`
	ChangeTime int64  `json:"ctime,omitempty"`
	Inode      uint64 `json:"inode,omitempty"`
}

// Of returns the state of a file.
func Of(info fs.FileInfo) State {
	s := State{Size: info.Size(), ModTime: info.ModTime().UnixNano()}
	s.addSystem(info)
	return s
}
