// Package sniff tells what a file is from its first bytes, whatever its name or
// media type says, and reads what it holds.
//
// A compression is the outermost format of a stream: gzip, zstd, bzip2, xz, lz4,
// or none. A tar is recognised by the checksum of its first header, so that every
// kind of first header counts: a file of ustar or of the old v7 format, a PAX
// record ('x', 'g'), a long name of GNU tar ('L', 'K'). A text may begin with a
// byte order mark and may be UTF-16, as Windows programs write it.
package sniff
