package delta

import (
	"io"
	"math/bits"
	"slices"

	"github.com/slipway-build/slipway/images/airgap/format"
	"github.com/slipway-build/slipway/internal/gearhash"
)

// Chunks are how Diff finds what two files have in common, wherever it lies in
// them. A chunk ends where the last bytes before it have a certain hash, so that
// the same bytes are cut the same way in both files (Xia et al., FastCDC, USENIX
// ATC 2016). How files are cut does not show in a delta.

// chunkSizes say how long chunks are.
type chunkSizes struct {
	min, max int
	mask     uint64 // which bits of the hash are zero where a chunk ends
}

// chunkSizesFor is for a file of this size: chunks are of 4 KiB, or of up to 1 MiB
// if there would be more than 2^18 of them, since all are held in memory.
func chunkSizesFor(size int64) chunkSizes {
	const few = 18
	log := min(max(12, bits.Len64(uint64(size>>few))), 20)
	return chunkSizes{
		min: 1 << (log - 2),
		max: 1 << (log + 3),
		// The upper bits: they depend on the last 64 bytes, the lower ones on fewer.
		mask: (1<<log - 1) << (64 - log),
	}
}

// cut returns the length of the chunk at the beginning of b, which is all that is
// left, or max bytes.
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
	file  *format.File
	sizes chunkSizes
	// ends are those of an archive's frames. A chunk ends there too, so that the
	// same frame is cut the same way whatever is around it, however short it is.
	ends []int64
	buf  []byte // what was read of the file, from byte at on
	at   int64
}

func newChunker(f *format.File, sizes chunkSizes) *chunker {
	c := &chunker{file: f, sizes: sizes}
	codec, err := format.CodecOfFile(f, f.Size())
	if err != nil {
		return c // no archive
	}
	// Without an index, or with a wrong one, it is cut by content alone.
	if idx, err := format.ReadIndex(f, f.Size(), codec); err == nil {
		for _, frame := range idx.Frames {
			c.ends = append(c.ends, frame.Offset+frame.Size)
		}
	}
	return c
}

// next returns the chunk that begins at pos, which is before the end of the file.
// It is valid until the next call.
func (c *chunker) next(pos int64) ([]byte, error) {
	size := min(int64(c.sizes.max), c.file.Size()-pos)
	if i, _ := slices.BinarySearch(c.ends, pos+1); i < len(c.ends) {
		size = min(size, c.ends[i]-pos)
	}
	if pos < c.at || pos+size > c.at+int64(len(c.buf)) {
		if c.buf == nil {
			c.buf = make([]byte, max(1<<20, 2*c.sizes.max))
		}
		c.at = pos
		c.buf = c.buf[:min(int64(cap(c.buf)), c.file.Size()-pos)]
		if !format.ReadFullAt(c.file, c.buf, pos) {
			return nil, io.ErrUnexpectedEOF
		}
	}
	b := c.buf[pos-c.at:][:size]
	return b[:c.sizes.cut(b)], nil
}
