// Package filestate detects whether a file has changed without reading it. A State is the system's metadata of a file's
// content. Two equal States of one path mean the same content, unless the file changed twice within the resolution of
// the file system's times.
package filestate
