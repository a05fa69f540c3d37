// Package deflate has the compressors that make the gzip streams of layers, so that such a stream can be made again from its
// content. It is a deflate stream (RFC 1951) in a gzip member (RFC 1952); a member's header and trailer are not made.
//
// An encoder has a name with its version and level. The same name means the same bytes. Those of Go's compressors are the
// compressors themselves. Programs in other languages use zlib, which is ported here (zlib.go, zlibblock.go, zlibtree.go).
package deflate
