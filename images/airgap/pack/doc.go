// Package pack writes archives of images, and checks its own work by reading them as any
// reader does.
package pack
