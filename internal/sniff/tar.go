package sniff

import (
	"bytes"
	"strconv"
)

// tarBlock is the block size of a tar. The first block is a header or, in a tar without files,
// zeros.
const tarBlock = 512

// Position of the checksum in a tar header (POSIX.1-1988, and every later format).
const (
	sumBegin = 148
	sumEnd   = 156
)

// IsTar reports whether a stream that starts with head is an uncompressed tar: its first block is a
// header with the right checksum, or only zeros, as in a tar without files. It needs HeadLen bytes.
func IsTar(head []byte) bool {
	if len(head) < tarBlock {
		return false
	}
	block := head[:tarBlock]
	if len(bytes.Trim(block, "\x00")) == 0 {
		return true
	}
	field := bytes.Trim(block[sumBegin:sumEnd], " \x00")
	want, err := strconv.ParseInt(string(field), 8, 64)
	if err != nil {
		return false
	}
	// Old programs summed signed bytes. The checksum field itself counts as spaces.
	var unsigned, signed int64
	for i, b := range block {
		if sumBegin <= i && i < sumEnd {
			b = ' '
		}
		unsigned += int64(b)
		signed += int64(int8(b))
	}
	return want == unsigned || want == signed
}
