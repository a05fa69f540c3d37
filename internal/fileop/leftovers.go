package fileop

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// LeftoverAge is how long a temporary file was not written to when its process must
// have been killed.
const LeftoverAge = time.Hour

// temporaryEnding follows the final name in the names of temporary files, which begin
// with a dot: os.CreateTemp(dir, "."+name+".*.tmp"), and parts of such a file.
var temporaryEnding = regexp.MustCompile(`^\.[0-9]+\.tmp(\.part[0-9]{3})?$`)

// Beside returns the files and folders beside final whose names are a dot, the name of
// final, and an ending.
func Beside(final string, ending *regexp.Regexp) []fs.FileInfo {
	entries, err := os.ReadDir(filepath.Dir(final))
	if err != nil {
		return nil
	}
	var found []fs.FileInfo
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), "."+filepath.Base(final))
		if !ok || !ending.MatchString(rest) {
			continue
		}
		if info, err := e.Info(); err == nil {
			found = append(found, info)
		}
	}
	return found
}

// SweepTemporary removes the temporary files and folders that killed processes left of
// final. One that cannot be removed takes nothing but room.
func SweepTemporary(final string) {
	for _, info := range Beside(final, temporaryEnding) {
		if time.Since(info.ModTime()) > LeftoverAge {
			_ = RemoveAll(filepath.Join(filepath.Dir(final), info.Name()))
		}
	}
}
