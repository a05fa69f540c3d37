// Package filestate tells whether a file has changed without reading it: a State is what the system knows of a file's
// content. Two equal States of one path mean the same content, unless the file changed twice within the resolution of
// the file system's times.
package filestate
