// Package sbom finds the software in images, programs, bundles and archives, without a scanner, a network or a daemon.
//
// # Nouns
//
//   - An Inventory is what was found in one subject: its components and its files. Package document writes it as
//     SPDX or CycloneDX.
//   - A Subject is the image, file or archive that an Inventory is about.
//   - A Component is a Go module, a package of a distribution, the operating system, or an image of an archive.
//
// # Layers
//
// Catalog reads each layer once, in one pass, and keeps the result in a store, by diff ID. The inventory of an image is
// that of its file system: layers are laid over one another as package fstree does, and a file that a later layer hides
// or replaces does not count. A database of packages counts as the topmost layer has it.
//
// # Reproducible
//
// An inventory depends on the bytes of its subject alone. It is sorted, and has no time of its own.
package sbom
