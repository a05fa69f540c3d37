// Package slice writes the archive of some of the images of other archives. It is the archive that package pack would
// write of these images, byte for byte, but frames that an archive has already are copied instead of compressed.
//
// Which layers share a frame depends on all images of an archive. Some frames of a slice are therefore not those of the
// archive that it comes from: they are made by package pack, from layers that are decompressed into the content store.
//
// # Nouns
//
//   - A source is a layer that the slice needs, in the archive that has it.
//   - A bundle is the sources that are decompressed together: those of a frame, or of an archive without an index.
//   - A sealed frame consists of sources alone, in the bytes that package pack would compress. It can be copied.
package slice
