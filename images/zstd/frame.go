package zstd

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// AppendHeader begins a frame of size bytes (RFC 8878, section 3.1.1.1). Decoders
// are asked for no more memory than it needs. With checksum, the last four bytes of
// the frame are the lowest of the XXH64 of its content.
func AppendHeader(out []byte, size uint64, checksum bool) []byte {
	const (
		small, large = 2 << 6, 3 << 6 // sizes of 4 and 8 bytes
		hasChecksum  = 1 << 2
		leastWindow  = 10 // as a power of two, which is in the byte's upper bits
	)
	descriptor := byte(small)
	if size > math.MaxUint32 {
		descriptor = large
	}
	if checksum {
		descriptor |= hasChecksum
	}
	window := max(bits.Len64(min(max(size, 1), Window)-1), leastWindow)
	out = append(out, 0x28, 0xb5, 0x2f, 0xfd, descriptor, byte(window-leastWindow)<<3)
	if size > math.MaxUint32 {
		return binary.LittleEndian.AppendUint64(out, size)
	}
	return binary.LittleEndian.AppendUint32(out, uint32(size))
}

// AppendEnd ends the blocks of a frame, with one that is empty and the last.
func AppendEnd(out []byte) []byte { return append(out, 1, 0, 0) }
