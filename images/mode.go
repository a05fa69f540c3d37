package images

import (
	"io/fs"
	"runtime"
)

// ContextMode is the mode that a file or folder of a build context has in an
// image, whichever builder makes it. Of the permissions on disk only the owner's
// executable bit counts, as in git, since the others depend on the umask of
// whoever checked the file out: 0755 for folders and executables, 0644 for the
// rest. Setuid, setgid and sticky bits are kept, but for a folder's setgid bit,
// which file systems hand down by themselves. COPY --chmod says otherwise.
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
