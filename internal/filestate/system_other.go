//go:build !linux

package filestate

import "io/fs"

// addSystem adds nothing: size and modification time are all that the system provides.
func (s *State) addSystem(fs.FileInfo) {}
