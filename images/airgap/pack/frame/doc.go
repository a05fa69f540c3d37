// Package frame makes the frames that archives consist of. Compressed frames are kept in the content
// store, so that the next archive with the same layers is a copy.
//
// In .tar.gz, the gzip stream of a layer from a registry is part of the frame as it is. In .tar.zst, a
// frame of several layers is made in segments, so that a layer that changes does not change all of it.
//
// # Nouns
//
//   - A Layer is a layer of an archive: its file in the archive, and the blob of the store that the
//     file is made from.
//   - A run is a sequence of layers that share a frame.
//   - A Frame is a run, or some small files, compressed on its own. It consists of pieces, which are
//     bytes in memory or files of the store.
//   - A segment is a part of a zstd frame that is made and kept on its own.
//   - A Maker makes the frames of one codec.
package frame
