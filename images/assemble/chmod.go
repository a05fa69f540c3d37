package assemble

import (
	"fmt"
	"strconv"
	"strings"
)

// A modeChange is what --chmod says.
type modeChange struct {
	// numeric sets all bits to bits; else clauses are applied in order.
	numeric bool
	bits    int64
	clauses []modeClause
}

// A modeClause is one of a symbolic mode's: u=rwX, go+r, a-w, g=u.
type modeClause struct {
	who  int64 // the bits that it may touch: 0o4700, 0o2070, 0o1007
	op   byte  // + - =
	perm int64 // rwx in each of the three places, and special bits
	x    bool  // X: x for folders and for what has an x already
	from byte  // u, g or o: copy these
}

// parseChmod reads the value of --chmod: octal up to 7777, or symbolic as in
// chmod(1). A mode without u, g, o or a means all of them, since no umask is in
// the game.
func parseChmod(s string) (*modeChange, error) {
	if n, err := strconv.ParseUint(s, 8, 32); err == nil {
		if n > 0o7777 {
			return nil, fmt.Errorf("--chmod=%s: want an octal number up to 7777", s)
		}
		return &modeChange{numeric: true, bits: int64(n)}, nil
	}
	if s != "" && s[0] >= '0' && s[0] <= '9' {
		return nil, fmt.Errorf("--chmod=%s: want an octal number up to 7777", s)
	}
	m := &modeChange{}
	for part := range strings.SplitSeq(s, ",") {
		clauses, ok := parseClauses(part)
		if !ok {
			return nil, fmt.Errorf("--chmod=%s: %q is no symbolic mode such as u=rwX,go=rX, and no octal number", s, part)
		}
		m.clauses = append(m.clauses, clauses...)
	}
	return m, nil
}

func parseClauses(s string) ([]modeClause, bool) {
	var who int64
	named := false
	for s != "" && strings.IndexByte("ugoa", s[0]) >= 0 {
		named = true
		switch s[0] {
		case 'u':
			who |= 0o4700
		case 'g':
			who |= 0o2070
		case 'o':
			who |= 0o007
		case 'a':
			who |= 0o6777
		}
		s = s[1:]
	}
	if !named {
		who = 0o6777
	}
	var clauses []modeClause
	for s != "" {
		c := modeClause{who: who, op: s[0]}
		if strings.IndexByte("+-=", c.op) < 0 {
			return nil, false
		}
		s = s[1:]
		// =u+w: what is copied and what is named take effect in turn.
		start := len(clauses)
		flush := func(op byte) {
			if c.perm != 0 || c.x {
				c.op = op
				clauses = append(clauses, c)
				c.perm, c.x = 0, false
			}
		}
		op := c.op
		for s != "" && strings.IndexByte("rwxXstugo", s[0]) >= 0 {
			switch s[0] {
			case 'r':
				c.perm |= 0o444
			case 'w':
				c.perm |= 0o222
			case 'x':
				c.perm |= 0o111
			case 'X':
				if op == '-' {
					c.perm |= 0o111
				} else {
					c.x = true
				}
			case 's':
				if who&^0o007 != 0 {
					c.perm |= 0o6000
				}
			case 't':
				if who&^0o007 != 0 {
					c.who |= 0o1000
					c.perm |= 0o1000
				}
			default: // u, g, o
				flush(opAfter(op, len(clauses) > start))
				clauses = append(clauses, modeClause{who: who, op: opAfter(op, len(clauses) > start), from: s[0]})
			}
			s = s[1:]
		}
		flush(opAfter(op, len(clauses) > start))
		if op == '=' && len(clauses) == start {
			clauses = append(clauses, modeClause{who: who, op: '='})
		}
	}
	return clauses, len(clauses) > 0
}

// opAfter is the operator of the second and later parts of one: =rwu sets rw and
// then adds u's.
func opAfter(op byte, later bool) byte {
	if op == '=' && later {
		return '+'
	}
	return op
}

// apply returns mode, of a folder or not, changed.
func (m *modeChange) apply(mode int64, isDir bool) int64 {
	if m.numeric {
		return m.bits
	}
	original := mode
	for _, c := range m.clauses {
		perm := c.perm
		if c.x && (isDir || original&0o111 != 0) {
			perm |= 0o111
		}
		switch c.from {
		case 'u':
			perm = spread(mode >> 6)
		case 'g':
			perm = spread(mode >> 3)
		case 'o':
			perm = spread(mode)
		}
		switch c.op {
		case '+':
			mode |= perm & c.who
		case '-':
			mode &^= perm & c.who
		case '=':
			mode = mode&^c.who | perm&c.who
		}
	}
	return mode
}

// spread puts the low rwx bits in all three places.
func spread(bits int64) int64 {
	bits &= 7
	return bits<<6 | bits<<3 | bits
}
