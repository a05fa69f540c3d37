// Package gocache is a helper of the go command, which keeps Go's build cache in the content cache, and so in shared
// caches (go help cache, GOCACHEPROG).
//
// An action is what go does to make a file, such as compiling a package; its ID is a hash of everything that the file
// depends on. An output is such a file; its ID is the SHA-256 of its content.
package gocache
