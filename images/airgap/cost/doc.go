// Package cost tells what an update from one archive to another costs: which bytes of the new archive, of a delta, and of
// a pull from a registry each image and layer is to blame for.
//
// # Nouns
//
//   - OLD is what a node has before the update: archives, or the layers of images. NEW is the archive after it.
//   - Sizes are numbers of bytes: of the archive, of a delta, of a portable delta, and of a pull.
//   - A layer that several images of NEW have counts for the first of them. For the others, it is shared.
//   - An owner is a layer, or the config or manifest of an image: a range of the tar of NEW whose bytes count for it.
//   - The rest is what belongs to no image: names, the index, and the recipe of a delta.
//
// The sizes of all layers, of what images have besides, and of the rest add up to the size of the archive and of each
// delta, to the byte. Package delta makes the deltas; cost only counts.
package cost
