package match

import (
	"cmp"
	"io"
	"math/bits"
	"slices"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/gearhash"
)

// Files are compared by chunks. A chunk ends where the hash of the last bytes has certain bits, so
// that equal bytes are cut into equal chunks wherever they are in a file (Xia et al., FastCDC,
// USENIX ATC 2016). The format of a delta does not depend on how files are cut.

// chunkSizes are the limits of the size of a chunk, in bytes.
type chunkSizes struct {
	min, max int
	mask     uint64 // bits of the hash that are zero at the end of a chunk
}

// chunkSizesFor returns the limits for a file of size bytes: 4 KiB on average, or up to 1 MiB so
// that there are no more than about 2^18 chunks, all of which are held in memory.
func chunkSizesFor(size int64) chunkSizes {
	const few = 18
	log := min(max(12, bits.Len64(uint64(size>>few))), 20)
	return chunkSizes{
		min: 1 << (log - 2),
		max: 1 << (log + 3),
		// The upper bits depend on the last 64 bytes, the lower ones on fewer.
		mask: (1<<log - 1) << (64 - log),
	}
}

// cut returns the length of the chunk at the beginning of b. b has max bytes, or the rest of the
// file.
func (s chunkSizes) cut(b []byte) int {
	if len(b) <= s.min {
		return len(b)
	}
	var h uint64
	for _, c := range b[s.min-gearhash.Window : s.min] {
		h = gearhash.Roll(h, c)
	}
	for i, c := range b[s.min:] {
		if h = gearhash.Roll(h, c); h&s.mask == 0 {
			return s.min + i + 1
		}
	}
	return len(b)
}

// A chunker cuts a file into chunks.
type chunker struct {
	file  File
	sizes chunkSizes
	buf   []byte // bytes of the file from offset at on
	at    int64
}

// next returns the chunk that begins at pos, which is before the end of the file. The chunk is
// valid until the next call.
func (c *chunker) next(pos int64) ([]byte, error) {
	size := min(int64(c.sizes.max), c.file.Size-pos)
	if i, _ := slices.BinarySearch(c.file.Ends, pos+1); i < len(c.file.Ends) {
		size = min(size, c.file.Ends[i]-pos)
	}
	if pos < c.at || pos+size > c.at+int64(len(c.buf)) {
		if c.buf == nil {
			c.buf = make([]byte, max(1<<20, 2*c.sizes.max))
		}
		c.at = pos
		c.buf = c.buf[:min(int64(cap(c.buf)), c.file.Size-pos)]
		if !format.ReadFullAt(c.file, c.buf, pos) {
			return nil, cmp.Or(c.file.Err(), io.ErrUnexpectedEOF)
		}
	}
	b := c.buf[pos-c.at:][:size]
	return b[:c.sizes.cut(b)], nil
}
