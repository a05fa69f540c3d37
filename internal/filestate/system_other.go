//go:build !linux

package filestate

import "io/fs"

// addSystem does nothing: the system provides only size and modification time.
func (s *State) addSystem(fs.FileInfo) {}
