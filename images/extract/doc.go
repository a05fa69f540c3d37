// Package extract copies folders of an image to disk, as RKE2 does with the programs and charts in
// its runtime image. It runs nothing and does not need root. Since an image may be hostile,
// nothing is written outside the target folders.
//
// Layers are laid over one another by the rules that package fstree states.
//
// # Nouns
//
//   - A Folder, or target, is a folder of the image to extract.
//   - The overlay is the file system of the image, as far as it is needed for the targets. A node
//     is a file, folder or symlink in it.
//   - A layer has the plain form or the Windows form; see images/layer.
//   - A symlink has a text. A hard link leads to a file. Link means both.
package extract
