package testfile

import (
	"io/fs"
	"os"
	"testing"
)

// Symlink makes a symlink. Where the user may make none, as on Windows by default, the
// test is skipped; so it is under Wine 8, which makes none and reports no error.
func Symlink(t testing.TB, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Skipf("no symlinks can be made here: %v", err)
	}
	if info, err := os.Lstat(name); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Skipf("no symlinks can be made here: there is no %s", name)
	}
}
