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

// The endings of the names of folders after the final name: one that was moved away, and
// one whose files are being moved.
var (
	replacedEnding = regexp.MustCompile(`^\.[0-9]+\.tmp\.old$`)
	movingEnding   = regexp.MustCompile(`^\.[0-9]+\.tmp\.aside$`)
)

// recoverFolder ends what a process that was killed in tempFolder.commit began: it puts
// the folder that was moved away back if none has taken its place, and else removes it.
func recoverFolder(final string) error {
	// Files that were moved aside one by one are still wanted: the others are no whole.
	for _, info := range fileop.Beside(final, movingEnding) {
		if _, err := moveFiles(filepath.Join(filepath.Dir(final), info.Name()), final); err != nil {
			return err
		}
	}
	replaced := fileop.Beside(final, replacedEnding)
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
