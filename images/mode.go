package images

import (
	"fmt"
	"io/fs"
	"runtime"
)

// Modes selects the modes that files and folders of build contexts get in an image,
// whichever builder makes it.
type Modes string

const (
	// NormalModes are the modes of ContextMode. The empty Modes are NormalModes.
	NormalModes Modes = "normal"
	// KeepModes are the modes on disk, as in Docker: the image then depends on the
	// umask under which the files were checked out. Windows has no modes; there they
	// are those of ContextMode.
	KeepModes Modes = "keep"
)

// Validate returns an error if m is unknown.
func (m Modes) Validate() error {
	switch m {
	case "", NormalModes, KeepModes:
		return nil
	}
	return fmt.Errorf("modes %q: want %s or %s", string(m), NormalModes, KeepModes)
}

// Of returns the mode in an image for a mode on disk.
func (m Modes) Of(disk fs.FileMode) fs.FileMode {
	if m != KeepModes || disk&fs.ModeSymlink != 0 || runtime.GOOS == "windows" {
		return ContextMode(disk)
	}
	return disk & (fs.ModeType | fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
}

// ContextMode returns the mode in an image for a file or folder of a build context,
// whichever builder makes the image. As in git, only the owner's executable bit counts,
// since the other permissions depend on the umask under which the file was checked out:
// 0755 for folders and executables, 0644 for other files. Setuid, setgid and sticky
// bits are kept, except for the setgid bit of folders, which file systems pass on to
// new folders. COPY --chmod and KeepModes override it.
//
// Windows has no executable bit, so there every file is executable, as in Docker's
// client.
func ContextMode(mode fs.FileMode) fs.FileMode {
	kept := mode & (fs.ModeType | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	switch {
	case mode.IsDir():
		return kept&^fs.ModeSetgid&^fs.ModeSetuid | 0o755
	case mode&fs.ModeSymlink != 0:
		return fs.ModeSymlink | 0o777
	case mode&0o100 != 0 || runtime.GOOS == "windows":
		return kept | 0o755
	}
	return kept | 0o644
}
