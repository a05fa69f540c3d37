package fstree

import (
	"context"
	"io"
	"io/fs"
)

// Content is the location of the bytes of a file: a *DiskFile, a Literal or a *Member.
type Content interface{ isContent() }

// A DiskFile is a regular file on the disk of this machine.
type DiskFile struct {
	Path string
	Info fs.FileInfo // of Lstat
}

// A Literal is the bytes themselves, such as those of a heredoc in a Dockerfile.
type Literal []byte

// A Member is a file in an archive.
type Member struct {
	Archive *Archive
	// Index is the number of tar headers before that of the file.
	Index int
}

// An Archive is a tar that can be read any number of times: a layer of an image, or
// a file that ADD unpacks.
type Archive struct {
	// ID identifies the bytes: "layer" or "tar" and a digest.
	ID string
	// Open opens the uncompressed tar at its beginning.
	Open func(context.Context) (io.ReadCloser, error)
}

func (*DiskFile) isContent() {}
func (Literal) isContent()   {}
func (*Member) isContent()   {}
