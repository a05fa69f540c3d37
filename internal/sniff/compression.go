package sniff

import (
	"bytes"
	"strings"
)

// A Compression is the compression of a stream. Its values are those of images.Compression, and of
// the store's records.
type Compression string

// The compressions that CompressionOf recognizes. NewReader does not support Lz4.
const (
	None  Compression = "none"
	Gzip  Compression = "gzip"
	Zstd  Compression = "zstd"
	Bzip2 Compression = "bzip2"
	Xz    Compression = "xz"
	Lz4   Compression = "lz4"
)

// HeadLen is the number of bytes at the start of a stream that CompressionOf and IsTar need: one
// block of a tar. For a shorter stream, they accept fewer.
const HeadLen = tarBlock

// GzipMagic is at the start of every member of a gzip stream.
const GzipMagic = "\x1f\x8b\x08"

// signatures has the bytes at the start of compressed streams: RFC 1952 (section 2.3.1, with
// deflate as the only method), RFC 8878 (section 3.1.1), and the format descriptions of bzip2, xz
// and lz4.
var signatures = []struct {
	bytes       string
	compression Compression
}{
	{GzipMagic, Gzip},
	{"\x28\xb5\x2f\xfd", Zstd},
	{"BZh", Bzip2},
	{"\xfd7zXZ\x00", Xz},
	{"\x04\x22\x4d\x18", Lz4},
}

// CompressionOf returns the compression of a stream that starts with head. A tar is None even if
// the name of its first file looks like a signature.
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

// isSkippableFrame reports whether head starts with a frame that zstd decoders skip: magic numbers
// 0x184D2A50 to 0x184D2A5F (RFC 8878, section 3.1.2). Streams of pzstd, zstd:chunked and seekable
// files may start this way.
func isSkippableFrame(head []byte) bool {
	return len(head) >= 4 && head[0]&0xf0 == 0x50 && strings.HasPrefix(string(head[1:4]), "\x2a\x4d\x18")
}
