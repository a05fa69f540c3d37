// Package airgap writes, reads and checks air-gap archives: files that bring
// container images to nodes without a registry.
//
// # What an archive is
//
// An archive is a tar of images, compressed or not. Nodes read one of two views
// of it. manifest.json is Docker's: a list of images, each with its config, its
// names (RepoTags) and its layers, by path. index.json is OCI's: a list of
// manifests by digest, each named in an annotation. containerd obeys index.json
// if a file oci-layout is there, and everyone else manifest.json; so an archive
// of Pack has both, and they say the same.
//
// # Why the order matters
//
// RKE2's reader looks for manifest.json, then for the config, then for the layers
// of one image, and begins again at the front of the file each time. So all that
// is small comes first, then the project's own layers, then other people's: what
// a node looks for is found in milliseconds, and what is not there too.
//
//	manifest.json  oci-layout  index.json    views: one frame
//	blobs/sha256/… configs and manifests     one frame
//	blobs/sha256/… own layers                a frame each
//	blobs/sha256/… other layers              frames of relatives
//	(two blocks of zeros)                    one frame
//
// # Frames
//
// zstd and gzip allow compressed streams to follow one another, and every reader
// takes them for one. So an archive is a sequence of frames, each a run of whole
// files compressed on its own: frames are compressed on all cores at once, and
// remembered in the content store, so that the next archive with the same layers
// is a copy. In .tar.gz the registry's own gzip stream of a layer is the frame's,
// untouched. An index after the last frame, in a place that other readers skip,
// says where each frame and file is; see docs/airgap-format.md.
//
// # Uncompressed and original layers
//
// By default a layer lies in the archive as a plain tar: gzip inside zstd would
// gain nothing. Configs, and so image IDs, stay as they are; manifests are
// rewritten. With original layers every manifest and layer is the registry's, for
// nodes that pin digests.
//
// # Names
//
// manifest.json has familiar names with a tag (rancher/x:v1), index.json fully
// qualified ones (docker.io/rancher/x:v1). Only tags name images in archives; see
// Tag for references pinned by digest, and RegistryTag for what they are called in a
// registry.
//
// With original layers an entry of index.json is the index that its image was chosen
// from, as it was, so that its digest can be asked for.
package airgap
