package compare

import "fmt"

// DefaultLimit is the number of bytes that a Comparer unpacks, unless it gets another limit.
const DefaultLimit = 64 << 30

// Limits of one archive: the number of its entries, and the size of the text in their headers, in bytes. Tests change the
// second.
const maxEntries = 2_000_000

var maxHeaders = 256 << 20

// maxName is the maximum size of the names of values and members in messages, in bytes.
const maxName = 1000

// short cuts a name.
func short(name string) string {
	if len(name) > maxName {
		return name[:maxName] + "…"
	}
	return name
}

// A limitError means that the artifacts need more space or time than the limit allows.
type limitError struct{ limit int64 }

func (e *limitError) Error() string {
	return fmt.Sprintf("the artifacts unpack to more than %d bytes, which is the limit; SLIPWAY_UNPACK_LIMIT changes it", e.limit)
}

// spend counts bytes that were unpacked.
func (c *Comparer) spend(n int64) error {
	if n > c.limit-c.spent {
		c.spent = c.limit
		return &limitError{c.limit}
	}
	c.spent += n
	return nil
}

// An excess counts by how much the parts of a file are larger together than the file: an archive has holes of sparse
// files, and sections of a program may overlap.
type excess struct {
	*Comparer
	// have is the size of the parts so far, and size that of the file plus the excess that was spent.
	have, size int64
}

// add spends the excess that comes from another part of n bytes.
func (e *excess) add(n int64) error {
	if n < 0 || n > e.limit {
		return &limitError{e.limit}
	}
	e.have += n
	more := e.have - e.size
	if more <= 0 {
		return nil
	}
	e.size = e.have
	return e.spend(more)
}
