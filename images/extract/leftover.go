package extract

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/slipway-build/slipway/internal/fileop"
)

// Suffixes, after a dot and the final name, of the names of a replaced folder and of a folder
// that files are being moved to.
var (
	replacedEnding = regexp.MustCompile(`^\.[0-9]+\.tmp\.old$`)
	movingEnding   = regexp.MustCompile(`^\.[0-9]+\.tmp\.aside$`)
)

// recoverFolder cleans up after a process that was killed in tempFolder.commit. If there is no
// folder at final, it puts the replaced one back; otherwise it removes the replaced one.
func recoverFolder(final string) error {
	// Put back files that were moved aside one by one, because the folder at final is
	// incomplete.
	for _, info := range fileop.Beside(final, movingEnding) {
		if _, err := moveFiles(filepath.Join(filepath.Dir(final), info.Name()), final); err != nil {
			return err
		}
	}
	replaced := fileop.Beside(final, replacedEnding)
	// Put back the newest.
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
