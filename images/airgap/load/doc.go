// Package load brings the images of archives into the container runtime of a node. It decides what is loaded and reads
// the layers; a package per runtime writes them.
//
// # Nouns
//
//   - A plan is the list of images that a node needs from its archives: for each name, the image for the node's
//     platform.
//   - An Image is an image of a plan, with its names in the runtime.
//   - The target of a name is the index that the archive keeps for it, or else the manifest of the image.
//   - A run is the unit of decompression; see package airgap.
//   - A Result says what a runtime did with an Image.
package load
