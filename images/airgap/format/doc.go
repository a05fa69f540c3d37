// Package format is the file format of air-gap archives, as docs/airgap-format.md describes it.
// The packages that read, write, check and compare archives share it. It imports none of them:
// verify must not depend on the code that it checks.
//
// # Nouns
//
//   - An archive is a tar of images, compressed with a Codec or not.
//   - A frame is a run of whole files of the tar that is compressed on its own. A compressed
//     archive is a sequence of frames, which every reader takes for one compressed stream.
//   - An Index follows the last frame. For each frame, a Span says where its compressed bytes
//     are, and which bytes of the tar they hold. For each file of the tar, an Entry says where
//     its content is.
//   - A view is a file by which readers find images: manifest.json is Docker's view, index.json
//     with oci-layout is OCI's. A ManifestEntry is an image in manifest.json.
//   - A header is the tar header of a file in an archive. TarHeader makes all of them: of configs,
//     manifests, layers and views.
//   - A blob is a manifest, config or layer in the folder blobs/sha256.
//   - A File is an archive on disk or on a web server. It is one file, or is split into parts, NAME.part001 and so
//     on, which are the whole when joined in order. A Virtual file is not on disk, but read from others.
//   - A name in an archive has a tag. Its qualified form has a registry
//     (docker.io/library/busybox:1); its familiar form leaves out what Docker leaves out
//     (busybox:1).
package format
