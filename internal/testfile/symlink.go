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
		t.Skipf("no symlinks can be made here: %v", err)
	}
	if info, err := os.Lstat(name); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Skipf("no symlinks can be made here: there is no %s", name)
	}
}
