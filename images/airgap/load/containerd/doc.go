// Package containerd loads images into containerd, from version 1.6 on, through its gRPC API.
//
// Layers are written as soon as they are decompressed, several at the same time. A layer is unpacked once it and the
// layers below it are there, for several images at the same time. Then the config, the manifest and the index are
// written, with the labels by which containerd's garbage collector keeps what they refer to, and last the records of
// the names. A lease keeps what is not referred to yet. An interrupted load therefore leaves no name without its
// content, and the next one goes on with what is there; what nobody refers to is removed when the lease expires.
//
// # Nouns
//
//   - A blob is a layer, config, manifest or index in the content store of containerd.
//   - A chain is the layers of an image from the first one to a certain one; its ID is the name of the snapshot that
//     has them unpacked (OCI image-spec, config.md, "Layer ChainID").
//   - A record is a name in containerd's list of images, with its target.
package containerd
