// Package sbom finds the software in images, programs, bundles and archives, without a scanner, a network or a daemon.
//
// # Nouns
//
//   - An Inventory is the software that was found in one subject: its components and its files. Package document writes
//     it as SPDX or CycloneDX.
//   - A Subject is the image, file or archive that an Inventory describes.
//   - A Component is a Go module, a package of a distribution, the operating system, or an image of an archive.
//   - Contents are the entries of a bundle from the files that were packed into it, so that the bundle is not unpacked.
//
// # Layers
//
// Catalog reads each layer once, in one pass, and keeps the result in a store, by diff ID. The inventory of an image is
// that of its file system: layers are applied in order as in package fstree, and files that a later layer hides or
// replaces are left out. Of a database of packages, only the version in the topmost layer counts.
//
// # Reproducible
//
// An inventory depends only on the bytes of its subject. It is sorted, and does not contain the current time.
package sbom
