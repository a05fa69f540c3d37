// Package sniff detects the format of a file from its first bytes, regardless of its name and media
// type, and reads its content.
//
// A compression is the outermost format of a stream: gzip, zstd, bzip2, xz, lz4, or none. A tar is
// recognized by the checksum of its first header, so that every kind of first header works: a file
// in ustar or the old v7 format, a PAX record ('x', 'g'), a long name of GNU tar ('L', 'K'). A text
// may start with a byte order mark and may be UTF-16, as Windows programs write it.
package sniff
