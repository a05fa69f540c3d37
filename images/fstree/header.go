package fstree

import (
	"archive/tar"
	"strings"
	"time"
)

// xattrRecord begins the names of the PAX records that hold extended attributes.
const xattrRecord = "SCHILY.xattr."

// capability is the attribute that holds a file's capabilities, as bytes.
const capability = "security.capability"

// A header is what a tar says about one entry, and all that is remembered of it.
// Its strings are bytes: names, link targets and attributes need not be UTF-8.
type Header struct {
	Name     string
	Type     byte
	Mode     int64
	UID, GID int
	Size     int64
	// ModTime is in Unix seconds.
	ModTime      int64
	Link         string
	Major, Minor int64
	Xattrs       map[string]string
}

func NewHeader(h *tar.Header) *Header {
	n := &Header{
		Name: h.Name, Type: h.Typeflag, Mode: h.Mode & 0o7777, UID: h.Uid, GID: h.Gid, Size: h.Size,
		ModTime: h.ModTime.Unix(), Link: h.Linkname, Major: h.Devmajor, Minor: h.Devminor,
	}
	if n.Type == tar.TypeGNUSparse {
		n.Type = tar.TypeReg // the reader fills the holes
	}
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, xattrRecord); ok {
			if n.Xattrs == nil {
				n.Xattrs = map[string]string{}
			}
			n.Xattrs[name] = value
		}
	}
	return n
}

// node returns the entry that h describes; index is h's place in the archive.
func (h *Header) node(archive *Archive, index int) *Node {
	n := &Node{
		Type: h.Type, Mode: h.Mode, UID: h.UID, GID: h.GID, ModTime: time.Unix(h.ModTime, 0),
		Link: h.Link, Major: h.Major, Minor: h.Minor, Xattrs: h.Xattrs,
	}
	switch h.Type {
	case tar.TypeReg:
		if n.Size = h.Size; n.Size > 0 {
			n.Content = &Member{archive, index}
		}
	case tar.TypeDir:
		n.Entries = map[string]*Node{}
	case tar.TypeSymlink:
		n.Mode = 0o777
	}
	return n
}
