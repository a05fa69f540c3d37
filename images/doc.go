// Package images defines what an image is: platforms and how they match, image
// references, lists of images, indexes, and what an assembler is given. The
// packages below it make layers (layer) and images (assemble, engine), store them
// (store), transfer them (registry), and write them to air-gap archives (airgap).
//
// It has the rules that these packages share: which image serves a platform (SelectPlatform), in
// which order an index lists its entries (ComparePlatforms), which mode a file of a build context
// gets (ContextMode), and which media types and compression an image has (Format).
//
// It reads no YAML, no git and no environment, and never looks into build.
//
// # An image in five sentences
//
// A layer is a tar, compressed or not; its digest names the compressed bytes
// and its diff ID the uncompressed ones. A config says what to run and lists
// the diff IDs. A manifest names one config and the layers by digest. An index
// names manifests by digest and platform, and is what a multi-OS tag points at.
// For Windows the platform carries os.version, four numbers such as
// 10.0.20348.4294 of which the third is the build that must fit the node's.
package images
