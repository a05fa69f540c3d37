package fstree

import (
	"archive/tar"
	"strings"
	"time"

	"github.com/slipway-build/slipway/images/layer"
)

// xattrRecord is the prefix of the PAX records that hold extended attributes.
const xattrRecord = "SCHILY.xattr."

// capability is the extended attribute with a file's capabilities, in binary.
const capability = "security.capability"

// A Header is the part of a tar header that a layer needs. Its strings are bytes:
// names, link targets and attributes need not be UTF-8.
type Header struct {
	Name         string // as in the archive, neither clean nor relative
	Type         byte   // as in archive/tar
	Mode         int64  // permissions, setuid, setgid, sticky
	UID, GID     int
	Size         int64 // in bytes
	ModTime      int64 // in Unix seconds
	Link         string
	Major, Minor int64
	Xattrs       map[string]string
}

// newHeader returns the Header of h. A sparse file becomes a regular one.
func newHeader(h *tar.Header) *Header {
	n := &Header{
		Name: h.Name, Type: h.Typeflag, Mode: h.Mode & 0o7777, UID: h.Uid, GID: h.Gid, Size: h.Size,
		ModTime: h.ModTime.Unix(), Link: h.Linkname, Major: h.Devmajor, Minor: h.Devminor,
	}
	if n.Type == tar.TypeGNUSparse {
		n.Type = tar.TypeReg // tar.Reader fills the holes
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

// node returns the Node that h describes, the index-th entry of archive.
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
		n.entries = map[string]*Node{}
	case tar.TypeSymlink:
		n.Mode = 0o777
	}
	return n
}

// FormOf returns the form of a layer of a Windows image: layer.Windows if it has the form that
// Windows imports, with Files and Hives at the top. Layers of images built FROM scratch are plain.
func FormOf(headers []Header) layer.Form {
	found := layer.Plain
	for i := range headers {
		form, tells := layer.FormOf(headers[i].Name)
		if tells && form == layer.Plain {
			return layer.Plain
		}
		if tells {
			found = form
		}
	}
	return found
}
