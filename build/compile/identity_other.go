//go:build !linux

package compile

import "io/fs"

// identify returns what distinguishes this state of a file from others.
func identify(info fs.FileInfo) fileIdentity {
	return fileIdentity{Size: info.Size(), ModTime: info.ModTime().UnixNano()}
}
