package testfile

import (
	"io/fs"
	"os"
	"testing"
)

// Symlink creates a symlink. It skips the test if the user may not create symlinks, as on Windows
// by default, or under Wine 8, which creates none but reports no error.
func Symlink(t testing.TB, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		Missing(t, "this machine creates no symlinks: %v", err)
	}
	if info, err := os.Lstat(name); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		Missing(t, "this machine creates no symlinks: %s does not exist", name)
	}
}
