package sniff

import (
	"bytes"
	"strings"
)

// A Compression is the format of a stream, in the words of images.Compression and
// of every record that is kept of a layer.
type Compression string

// The compressions that CompressionOf knows. Lz4 is only recognised: nothing here
// reads it.
const (
	None  Compression = "none"
	Gzip  Compression = "gzip"
	Zstd  Compression = "zstd"
	Bzip2 Compression = "bzip2"
	Xz    Compression = "xz"
	Lz4   Compression = "lz4"
)

// HeadLen is how many of a stream's first bytes CompressionOf and IsTar need: one
// block of a tar. A stream that is shorter is judged by what it has.
const HeadLen = tarBlock

// gzipMagic begins every member of a gzip stream.
const gzipMagic = "\x1f\x8b\x08"

// signatures are the bytes that streams begin with: RFC 1952 (section 2.3.1, with
// deflate as the only method), RFC 8878 (section 3.1.1), and the format
// descriptions of bzip2, xz and lz4.
var signatures = []struct {
	bytes       string
	compression Compression
}{
	{gzipMagic, Gzip},
	{"\x28\xb5\x2f\xfd", Zstd},
	{"BZh", Bzip2},
	{"\xfd7zXZ\x00", Xz},
	{"\x04\x22\x4d\x18", Lz4},
}

// CompressionOf returns the compression of a stream that begins with head. A tar
// whose first file has a name like a signature is still a tar, thus None.
func CompressionOf(head []byte) Compression {
	if IsTar(head) {
		return None
	}
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.bytes)) {
			return s.compression
		}
	}
	if isSkippableFrame(head) {
		return Zstd
	}
	return None
}

// isSkippableFrame reports whether head begins with a frame that zstd decoders
// skip: magic numbers 0x184D2A50 to 0x184D2A5F (RFC 8878, section 3.1.2). Streams
// of pzstd, zstd:chunked and seekable files may begin so.
func isSkippableFrame(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && strings.HasPrefix(string(head[1:4]), "\x2a\x4d\x18")
}
