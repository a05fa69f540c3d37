package fileop

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// LeftoverAge is the time without a write after which a temporary file is assumed to belong to a
// killed process.
const LeftoverAge = time.Hour

// temporaryEnding matches the end of the names of temporary files, after a dot and the final name:
// os.CreateTemp(dir, "."+name+".*.tmp"), and parts of such a file.
var temporaryEnding = regexp.MustCompile(`^\.[0-9]+\.tmp(\.part[0-9]{3})?$`)

// Beside returns the files and folders in the folder of final whose names consist of a dot, the
// name of final, and the ending.
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

// SweepTemporary removes the temporary files and folders for final that killed processes left.
// Errors are ignored: a leftover only takes disk space.
func SweepTemporary(final string) {
	for _, info := range Beside(final, temporaryEnding) {
		if time.Since(info.ModTime()) > LeftoverAge {
			_ = RemoveAll(filepath.Join(filepath.Dir(final), info.Name()))
		}
	}
}
