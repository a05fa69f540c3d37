package fstree

import (
	"fmt"
	"io/fs"
	"strconv"

	mode "github.com/tonistiigi/dchapes-mode"
)

// A ModeChange is the value of --chmod.
type ModeChange struct {
	// numeric means that bits replaces the mode; otherwise symbolic changes it.
	numeric  bool
	bits     int64
	symbolic mode.Set
}

// ParseChmod parses the value of --chmod: an octal number up to 7777, or a symbolic
// mode as in chmod(1), with the parser that BuildKit uses. A symbolic mode without
// u, g, o or a means all of them: there is no umask.
func ParseChmod(s string) (*ModeChange, error) {
	if n, err := strconv.ParseUint(s, 8, 32); err == nil {
		if n > 0o7777 {
			return nil, fmt.Errorf("--chmod=%s: want an octal number up to 7777", s)
		}
		return &ModeChange{numeric: true, bits: int64(n)}, nil
	}
	if s != "" && s[0] >= '0' && s[0] <= '9' {
		return nil, fmt.Errorf("--chmod=%s: want an octal number up to 7777", s)
	}
	set, err := mode.ParseWithUmask(s, 0)
	if err != nil {
		return nil, fmt.Errorf("--chmod=%s: it is neither an octal number nor a symbolic mode such as u=rwX,go=rX", s)
	}
	return &ModeChange{symbolic: set}, nil
}

// apply returns the changed mode of a folder or of something else.
func (m *ModeChange) apply(mode int64, isDir bool) int64 {
	if m.numeric {
		return m.bits
	}
	of := fs.FileMode(mode & 0o777)
	for _, special := range specialBits {
		if mode&special.tar != 0 {
			of |= special.mode
		}
	}
	if isDir {
		of |= fs.ModeDir
	}
	return tarMode(m.symbolic.Apply(of))
}

// specialBits are the mode bits for which tar and Go have different values.
var specialBits = []struct {
	tar  int64
	mode fs.FileMode
}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}}

// tarMode returns the permissions and special bits of mode as they are in a tar.
func tarMode(mode fs.FileMode) int64 {
	m := int64(mode.Perm())
	for _, special := range specialBits {
		if mode&special.mode != 0 {
			m |= special.tar
		}
	}
	return m
}
