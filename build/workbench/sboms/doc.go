// Package sboms writes the SBOMs of sources: images, archives of images, and other files. It is the work of slipway sbom
// and slipway airgap sbom; packages sbom and document make the content.
package sboms
