// Package arrange decides which layers share a frame of an archive, and in which order.
package arrange
