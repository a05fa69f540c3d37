package verify

import (
	"archive/tar"
	"fmt"

	"github.com/slipway-build/slipway/images/airgap/format"
)

// checkFiles reports the problems of files that do not depend on their use.
func (r *Report) checkFiles(c *contents) {
	var again, spelled tally
	for _, f := range c.files {
		if c.byName[f.Name] != f && f.typeflag != tar.TypeDir && !c.differs(f) {
			again.add(f.Name, f.Size)
		}
		err := format.CheckName(f.rawName)
		switch {
		case err != nil:
			r.problem("%v", err)
		case f.rawName != f.Name && f.typeflag != tar.TypeDir:
			spelled.add(f.rawName, f.Size)
		}
		if err := format.CheckType(f.Name, f.typeflag); err != nil {
			r.problem("%v", err)
		}
		if f.typeflag != tar.TypeReg {
			continue
		}
		if f.damaged() {
			r.problem("file %s is damaged: its bytes have the digest sha256:%s", f.Name, f.digest)
		}
		if f.diffErr != nil {
			r.problem("file %s cannot be decompressed: %v", f.Name, f.diffErr)
		}
	}
	if again.count > 0 {
		r.note("in the archive more than once, with the same content: %s", again)
	}
	if spelled.count > 0 {
		r.note("named with / or ./ in front, which docker load reads and RKE2 does not: %s", spelled)
	}
	if c.tail > 0 {
		r.problem("%v", format.TailError(c.tail))
	}
	if c.noEnd {
		r.problem("%v", format.ErrNoEnd)
	}
}

// A tally counts files of one kind, and has the name of the first.
type tally struct {
	count int
	size  int64
	first string
}

func (t *tally) add(name string, size int64) {
	if t.count == 0 {
		t.first = name
	}
	t.count++
	t.size += size
}

func (t tally) String() string {
	if t.count == 1 {
		return fmt.Sprintf("file %s of %d bytes", t.first, t.size)
	}
	return fmt.Sprintf("%d files of %d bytes, such as %s", t.count, t.size, t.first)
}
