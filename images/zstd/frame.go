package zstd

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// AppendHeader appends the header of a frame with size bytes of content (RFC 8878,
// section 3.1.1.1). The window is no larger than the content. With checksum, the caller
// appends the low four bytes of the XXH64 of the content after the last block.
func AppendHeader(out []byte, size uint64, checksum bool) []byte {
	return appendHeader(out, size, Window, checksum)
}

// appendHeader is AppendHeader with a largest window.
func appendHeader(out []byte, size, largest uint64, checksum bool) []byte {
	const (
		small, large = 2 << 6, 3 << 6 // a content size in 4 or 8 bytes
		hasChecksum  = 1 << 2
		leastWindow  = 10 // as a power of two, from which the exponent counts
	)
	descriptor := byte(small)
	if size > math.MaxUint32 {
		descriptor = large
	}
	if checksum {
		descriptor |= hasChecksum
	}
	window := max(bits.Len64(min(max(size, 1), largest)-1), leastWindow)
	out = append(out, 0x28, 0xb5, 0x2f, 0xfd, descriptor, byte(window-leastWindow)<<3)
	if size > math.MaxUint32 {
		return binary.LittleEndian.AppendUint64(out, size)
	}
	return binary.LittleEndian.AppendUint32(out, uint32(size))
}

// AppendEnd appends the last block of a frame, which is empty.
func AppendEnd(out []byte) []byte { return append(out, 1, 0, 0) }
