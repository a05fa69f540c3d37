// Package extract copies folders out of an image to disk, without running anything and
// without root.
package extract
