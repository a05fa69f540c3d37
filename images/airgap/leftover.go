package airgap

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/slipway-build/slipway/internal/fileop"
)

// replacedEnding follows the final name in the name of a folder that was moved away.
var replacedEnding = regexp.MustCompile(`^\.[0-9]+\.tmp\.old$`)

// recoverFolder ends what a process that was killed in tempFolder.commit began: it puts
// the folder that was moved away back if none has taken its place, and else removes it.
func recoverFolder(final string) error {
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
