// Package serve is a read-only registry of the images in archives.
//
// The memory of a server does not grow with the requests of its clients. A compressed layer is
// decompressed into a file, once for all clients, and the kernel sends parts of the file. listen.go
// limits the number of connections and closes those that stall.
//
// The package does not use ociserver of cuelabs.dev/go/oci/ociregistry or the registry of
// go-containerregistry. Both ignore the query parameter ns, with which containerd names the
// registry of an image, and copy blobs through a buffer of the process. ociserver ignores errors
// after the first byte of a blob, such as a damaged archive.
//
// # Nouns
//
//   - A repository has the images of one name, in all archives.
//   - A document is a manifest or an index, in memory.
//   - A blob is a config in memory, or a layer in an archive.
//   - A run is the unit of decompression: the layers of one frame, or of a whole archive without an index. A decoded file
//     is a layer of a run, on disk.
//   - A client is a remote address; see clientOf.
package serve
