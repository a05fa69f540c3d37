package layer

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// Names of entries that hide content of lower layers.
const (
	WhiteoutPrefix = ".wh."
	OpaqueMarker   = ".wh..wh..opq"
)

// An Entry is one file, folder or link of a layer.
type Entry struct {
	// Path is relative to the root, clean and slash-separated: usr/bin/tool.
	Path string
	// Type is a type of archive/tar: TypeReg, TypeDir, TypeSymlink, TypeLink,
	// TypeChar, TypeBlock or TypeFifo.
	Type byte
	// Mode contains permission bits and 04000 (setuid), 02000 (setgid), 01000 (sticky).
	Mode int64
	// UID and GID are the owner; names are not written.
	UID, GID int
	// ModTime is written in whole seconds; the zero time is the Unix epoch.
	ModTime time.Time
	// Link is the target of a symlink, verbatim, or that of a hard link, in the form of Path.
	Link string
	// Major and Minor are the numbers of a device.
	Major, Minor int64
	// Xattrs are extended attributes by name, such as security.capability.
	Xattrs map[string]string
	// Size is the size of Content, in bytes.
	Size int64
	// Content provides the bytes of a regular file; nil for an empty file.
	Content Content
	// Whiteout marks an entry that hides lower ones, as its base name specifies.
	Whiteout bool
}

// Content provides the bytes of a file.
type Content interface {
	// ID identifies the bytes: two contents with the same ID are equal. It is part of the layer's
	// key.
	ID() string
	// Open returns the bytes from the beginning.
	Open(ctx context.Context) (io.ReadCloser, error)
}

// check returns an error if a layer cannot contain e.
func (e *Entry) check() error {
	base := path.Base(e.Path)
	switch {
	case e.Path == "" || e.Path == "." || e.Path != path.Clean(e.Path) || path.IsAbs(e.Path) ||
		e.Path == ".." || strings.HasPrefix(e.Path, "../"):
		return fmt.Errorf("layer entry %q: want a clean path below the root", e.Path)
	case strings.ContainsRune(e.Path, 0) || strings.ContainsRune(e.Link, 0):
		return fmt.Errorf("layer entry %q: a name cannot contain a zero byte", e.Path)
	case strings.HasPrefix(base, WhiteoutPrefix) != e.Whiteout:
		return fmt.Errorf("layer entry %q: names that start with %s hide files of lower layers and cannot be used for a file", e.Path, WhiteoutPrefix)
	case e.Size < 0:
		return fmt.Errorf("layer entry %q: invalid size %d", e.Path, e.Size)
	case e.Size > 0 && e.Content == nil:
		return fmt.Errorf("layer entry %q: missing content of %d bytes", e.Path, e.Size)
	case e.Mode&^0o7777 != 0:
		return fmt.Errorf("layer entry %q: mode %#o has more than permission bits", e.Path, e.Mode)
	}
	switch e.Type {
	case tar.TypeReg:
		return nil
	case tar.TypeDir, tar.TypeFifo, tar.TypeChar, tar.TypeBlock:
	case tar.TypeSymlink, tar.TypeLink:
		if e.Link == "" {
			return fmt.Errorf("layer entry %q: missing target of the link", e.Path)
		}
	default:
		return fmt.Errorf("layer entry %q: invalid type %q", e.Path, e.Type)
	}
	if e.Size != 0 || e.Content != nil {
		return fmt.Errorf("layer entry %q: only a regular file has content", e.Path)
	}
	return nil
}

// ComparePaths orders paths as a walk that visits a folder's entries by name, and the content of a
// folder right after it: a, a/b, a-b.
func ComparePaths(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if x, y := a[i], b[i]; x != y {
			if x == '/' {
				return -1
			}
			if y == '/' {
				return 1
			}
			if x < y {
				return -1
			}
			return 1
		}
	}
	return len(a) - len(b)
}
