package fstree

import (
	"fmt"
	"io/fs"
	"strconv"

	mode "github.com/tonistiigi/dchapes-mode"
)

// A modeChange is what --chmod says.
type modeChange struct {
	// numeric sets all bits to bits; else symbolic changes them.
	numeric  bool
	bits     int64
	symbolic mode.Set
}

// parseChmod reads the value of --chmod: octal up to 7777, or symbolic as in
// chmod(1), by the package that BuildKit has for it. A mode without u, g, o or a
// means all of them, since no umask is in the game.
func ParseChmod(s string) (*modeChange, error) {
	if n, err := strconv.ParseUint(s, 8, 32); err == nil {
		if n > 0o7777 {
			return nil, fmt.Errorf("--chmod=%s: want an octal number up to 7777", s)
		}
		return &modeChange{numeric: true, bits: int64(n)}, nil
	}
	if s != "" && s[0] >= '0' && s[0] <= '9' {
		return nil, fmt.Errorf("--chmod=%s: want an octal number up to 7777", s)
	}
	set, err := mode.ParseWithUmask(s, 0)
	if err != nil {
		return nil, fmt.Errorf("--chmod=%s: it is neither an octal number nor a symbolic mode such as u=rwX,go=rX", s)
	}
	return &modeChange{symbolic: set}, nil
}

// apply returns mode, of a folder or not, changed.
func (m *modeChange) apply(mode int64, isDir bool) int64 {
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

// specialBits are the permissions that tar and Go spell differently.
var specialBits = []struct {
	tar  int64
	mode fs.FileMode
}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}}

// tarMode is a mode's permission bits as tar spells them.
func tarMode(mode fs.FileMode) int64 {
	m := int64(mode.Perm())
	for _, special := range specialBits {
		if mode&special.mode != 0 {
			m |= special.tar
		}
	}
	return m
}
