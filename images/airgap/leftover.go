package airgap

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/fileop"
)

// leftoverAge is how long a temporary file was not written to when its process
// must have been killed.
const leftoverAge = time.Hour

// The endings of temporary names after the final name: what is being written, and the
// folder that was replaced.
var (
	leftoverName = regexp.MustCompile(`^\.[0-9]+\.tmp(\.part[0-9]{3})?$`)
	replacedName = regexp.MustCompile(`^\.[0-9]+\.tmp\.old$`)
)

// leftovers are the entries beside final that have its temporary names.
func leftovers(final string, ending *regexp.Regexp) []fs.FileInfo {
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

// sweepLeftovers removes temporary files and folders that killed processes left of
// final. One that cannot be removed takes nothing but room.
func sweepLeftovers(final string) {
	for _, info := range leftovers(final, leftoverName) {
		if time.Since(info.ModTime()) > leftoverAge {
			fileop.RemoveAll(filepath.Join(filepath.Dir(final), info.Name()))
		}
	}
}

// recoverFolder ends what a process that was killed in tempFolder.commit began: it puts
// the folder that was moved away back if none has taken its place, and else removes it.
func recoverFolder(final string) error {
	replaced := leftovers(final, replacedName)
	// Should there be several, the newest is put back.
	slices.SortFunc(replaced, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, info := range replaced {
		old := filepath.Join(filepath.Dir(final), info.Name())
		if _, err := os.Lstat(final); errors.Is(err, fs.ErrNotExist) {
			if err := fileop.Rename(old, final); err != nil {
				return err
			}
			continue
		}
		fileop.RemoveAll(old)
	}
	return nil
}
