// Package images defines the vocabulary of images: platforms and how they match, references,
// lists of images, indexes, and the input of an assembler. The packages below it make layers
// (layer) and images (assemble, engine), store them (store), transfer them (registry), and write
// them to air-gap archives (airgap).
//
// It has the rules that these packages share: which image serves a platform (SelectPlatform), in
// which order an index lists its entries (ComparePlatforms), which mode a file of a build context
// gets (ContextMode), and which media types and compression an image has (Format).
//
// It does not read YAML, git or the environment, and does not import the packages in build.
//
// # An image in five sentences
//
// A layer is a tar, compressed or not; its digest is that of the compressed bytes and its diff ID
// that of the uncompressed ones. A config specifies the command to run and lists the diff IDs. A
// manifest refers to one config and its layers by digest. An index lists manifests by digest and
// platform; a multi-OS tag refers to an index. The platform of a Windows image has an os.version
// such as 10.0.20348.4294, whose third number must match the build of the node.
package images
