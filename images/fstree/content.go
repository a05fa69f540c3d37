package fstree

import (
	"context"
	"io"
	"io/fs"
)

// content is where the bytes of a file come from: a diskFile, a literal, or a
// member of an archive.
type Content interface{ isContent() }

// A diskFile is a regular file on this machine's disk.
type DiskFile struct {
	Path string
	Info fs.FileInfo // of Lstat
}

// A literal is a file that stands in the Dockerfile itself.
type Literal []byte

// A member is a file in an archive: a layer of an image, or a tar that ADD
// unpacks.
type Member struct {
	Archive *Archive
	// index counts the headers of the archive's tar before the file's own.
	Index int
}

// An archive is a tar that can be read as often as need be.
type Archive struct {
	// id names the bytes: layer or tar, and a digest.
	ID string
	// open reads the uncompressed tar from its beginning.
	Open func(context.Context) (io.ReadCloser, error)
}

func (*DiskFile) isContent() {}
func (Literal) isContent()   {}
func (*Member) isContent()   {}
