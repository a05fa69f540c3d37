// Package serve is a registry of the images in archives, for reading alone.
package serve
