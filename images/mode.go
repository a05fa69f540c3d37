package images

import (
	"fmt"
	"io/fs"
	"runtime"
)

// Modes says which modes the files and folders of build contexts have in an image,
// whichever builder makes it.
type Modes string

const (
	// NormalModes are those of ContextMode. The empty Modes are these.
	NormalModes Modes = "normal"
	// KeepModes are those on disk, as Docker has them: an image then depends on the
	// umask of whoever checked the files out. Windows has no modes to keep, and
	// those of ContextMode take their place.
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

// Of returns the mode in an image of a file or folder that has this mode on disk.
func (m Modes) Of(disk fs.FileMode) fs.FileMode {
	if m != KeepModes || disk&fs.ModeSymlink != 0 || runtime.GOOS == "windows" {
		return ContextMode(disk)
	}
	return disk & (fs.ModeType | fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
}

// ContextMode is the mode that a file or folder of a build context has in an
// image, whichever builder makes it. Of the permissions on disk only the owner's
// executable bit counts, as in git, since the others depend on the umask of
// whoever checked the file out: 0755 for folders and executables, 0644 for the
// rest. Setuid, setgid and sticky bits are kept, but for a folder's setgid bit,
// which file systems hand down by themselves. COPY --chmod and KeepModes say
// otherwise.
//
// Windows keeps no executable bit, so that there every file is executable, as
// Docker's client does it.
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
