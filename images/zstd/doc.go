// Package zstd encodes layers for air-gap archives: better than the library's best
// level, in less time, and in pieces that are made anew one by one.
//
// # Segments
//
// A frame of zstd (RFC 8878) is a header, blocks of up to 128 KiB, and an end. A block
// may copy bytes from anywhere in the window before it, and may use tables and
// offsets of the block before it. A segment is a run of blocks of which the first
// uses nothing of the latter. So what a segment becomes depends on its content and
// on the window before it alone, and it may follow, in a frame, whatever has that
// content:
//
//	header | segment | segment | segment | end
//
// An archive has a frame for several layers that have content in common, and a
// segment in it for each. When a layer changes, its segment is encoded anew, and
// those whose window it is in; all others are copied from the cache. The Encoder makes
// the same bytes in both cases: while it goes through a frame from its beginning, or
// when it has just loaded the window.
//
// # Why not the library's encoder
//
// klauspost/compress has no such restart, since its encoders cannot be given a
// window to begin with but a dictionary, and no way to write blocks of one's own
// sequences. Its best level, with the same window, makes 146.8 MB of the 638 MB of
// docs/performance.md in 24 s; this makes 145.1 MB in 16 s on one core, and in 10 s
// on two, of which the library can use but one for a frame. Literals are still coded
// by its huff0, and everything is decoded by its decoder.
//
// # How
//
// For all positions of a block, candidates for copies are searched at once (search.go);
// then the cheapest way through the block is searched, going by what things cost in
// the blocks before (parse.go, prices.go); then literals and sequences are written
// with the tables that fit them best (block.go, fse.go). The first of the three and
// the others work on different blocks at the same time (encoder.go).
package zstd
