// Package zstd encodes layers for air-gap archives: smaller and faster than the best level
// of klauspost/compress, and in segments that can be encoded again one by one. It has no
// decoder.
//
// # Nouns
//
//   - A frame (RFC 8878) is a header, blocks of up to 128 KiB of content, and an end.
//   - A segment is a run of blocks. Its first block uses no tables and no repcodes of the
//     block before it.
//   - The window is the last 32 MiB of content before a position. A match copies bytes
//     from it; its distance is how far back they are.
//   - A sequence is a number of literals and a match. Its offset is a distance plus 3, or
//     one of the three repcodes, which stand for the last distances.
//   - A candidate is an earlier position, from a hash table, whose bytes may match.
//
// # Segments
//
// The encoding of a segment depends only on its content and on the window before it. It is valid in
// any frame after the same content:
//
//	header | segment | segment | segment | end
//
// An archive has a frame for layers with content in common, and one segment of the frame
// for each layer. When a layer changes, its segment is encoded again, and those whose
// window the layer is in. All others are copied from the cache. The Encoder produces the
// same bytes whether it encodes a whole frame or loads the window before one segment.
//
// # Why not the encoder of klauspost/compress
//
// It cannot begin in the middle of a frame: it takes a dictionary but not a window, and
// cannot write blocks from given sequences. With the same window, its best level makes
// 146.8 MB of the 638 MB of docs/performance.md in 24 s. This package makes 145.1 MB in
// 16 s on one core, and in 10 s on two, of which the library uses one per frame.
// Literals are still encoded by its huff0.
//
// # How it works
//
// First the candidates for all positions of a block are searched (search.go). Then the cheapest
// path through the block is found, with prices from the blocks before (parse.go, prices.go). Last,
// the literals and sequences are encoded with the tables that fit best (block.go, fse.go). The
// first step runs concurrently with the others, on another block (encoder.go).
//
// Level Max searches more candidates (rows.go), and the parser leaves out no edge (edges.go). The
// rest is the same.
package zstd
