// Package airgap reads air-gap archives: files that bring container images to nodes without a registry. It
// opens an archive, lists its images and indexes, and finds an image in several archives.
//
// The packages below it write archives (pack), check them (verify), serve them as a registry (serve), and
// write and apply deltas of them (delta). Package format describes their format.
//
// # Two views
//
// An archive has one or two views. manifest.json is Docker's view: a list of images, each with a config, names and
// layers, by path. index.json is OCI's view: a list of manifests by digest, which annotations name. containerd goes by
// index.json if a file oci-layout is there; all other readers go by manifest.json. Archives of pack have both, with the
// same content. Archives of other programs may have only one.
//
// # Nouns
//
//   - A File is a file of the tar. Its content may be compressed, as that of a gzipped layer is,
//     independently of the codec of the archive.
//   - A PackedImage is an image of an archive, a PackedLayer a layer of one, and a PackedIndex an index. An
//     Artifact is something else that index.json names, such as a Helm chart.
//   - A run is what is decompressed together: a frame, or all of an archive without an index.
//   - A cursor is a decompressor at an offset of the tar.
package airgap
