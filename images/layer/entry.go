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

// The names by which a layer hides what lower layers hold.
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
	// Mode is the permission bits and 04000 (setuid), 02000 (setgid), 01000
	// (sticky).
	Mode int64
	// UID and GID own the entry; no names are written.
	UID, GID int
	// ModTime is written in whole seconds; none is the Unix epoch.
	ModTime time.Time
	// Link is the target of a symlink, as it is; or of a hard link, as Path is.
	Link string
	// Major and Minor are of a device.
	Major, Minor int64
	// Xattrs are extended attributes by name, such as security.capability.
	Xattrs map[string]string
	// Size is the number of bytes that Content has.
	Size int64
	// Content yields a regular file's bytes; nil for an empty file.
	Content Content
	// Whiteout marks an entry that hides lower ones; its base name says what.
	Whiteout bool
}

// Content is where the bytes of a file come from.
type Content interface {
	// ID names the bytes: two contents with one ID are equal. It is part of the
	// layer's key.
	ID() string
	// Open reads the bytes from their beginning.
	Open(ctx context.Context) (io.ReadCloser, error)
}

// check says why no layer can hold e.
func (e *Entry) check() error {
	base := path.Base(e.Path)
	switch {
	case e.Path == "" || e.Path == "." || e.Path != path.Clean(e.Path) || path.IsAbs(e.Path) ||
		e.Path == ".." || strings.HasPrefix(e.Path, "../"):
		return fmt.Errorf("layer entry %q: want a clean path below the root", e.Path)
	case strings.ContainsRune(e.Path, 0) || strings.ContainsRune(e.Link, 0):
		return fmt.Errorf("layer entry %q: a name cannot hold a zero byte", e.Path)
	case strings.HasPrefix(base, WhiteoutPrefix) != e.Whiteout:
		return fmt.Errorf("layer entry %q: names that begin with %s hide files of lower layers and cannot be used for a file", e.Path, WhiteoutPrefix)
	case e.Size < 0:
		return fmt.Errorf("layer entry %q: size %d", e.Path, e.Size)
	case e.Size > 0 && e.Content == nil:
		return fmt.Errorf("layer entry %q: %d bytes of no content", e.Path, e.Size)
	case e.Mode&^0o7777 != 0:
		return fmt.Errorf("layer entry %q: mode %#o has more than permission bits", e.Path, e.Mode)
	}
	switch e.Type {
	case tar.TypeReg:
		return nil
	case tar.TypeDir, tar.TypeFifo, tar.TypeChar, tar.TypeBlock:
	case tar.TypeSymlink, tar.TypeLink:
		if e.Link == "" {
			return fmt.Errorf("layer entry %q: a link without a target", e.Path)
		}
	default:
		return fmt.Errorf("layer entry %q: type %q is none that a layer holds", e.Path, e.Type)
	}
	if e.Size != 0 || e.Content != nil {
		return fmt.Errorf("layer entry %q: only a regular file has content", e.Path)
	}
	return nil
}

// ComparePaths orders paths as a walk does that visits a folder's entries by
// name and what a folder holds right after it: a, a/b, a-b.
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
