package assemble

import (
	"archive/tar"
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/slipway-build/slipway/images/layer"
)

// A header is what a tar says of one entry, and all that is remembered of it.
type header struct {
	Name    string            `json:"n"`
	Type    byte              `json:"t"`
	Mode    int64             `json:"m,omitempty"`
	UID     int               `json:"u,omitempty"`
	GID     int               `json:"g,omitempty"`
	Size    int64             `json:"s,omitempty"`
	ModTime int64             `json:"d,omitempty"`
	Link    string            `json:"l,omitempty"`
	Major   int64             `json:"x,omitempty"`
	Minor   int64             `json:"y,omitempty"`
	Xattrs  map[string]string `json:"a,omitempty"`
}

// readHeaders reads a tar to its end and calls each with every header, in order.
// It stops at the limits of what an archive may hold.
func (a *Assembler) readHeaders(ctx context.Context, r io.Reader, each func(*header) error) error {
	tr := tar.NewReader(r)
	var size int64
	for count := 0; ; count++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if count >= a.limits.Entries {
			return fmt.Errorf("it has more than %d entries, which is the limit", a.limits.Entries)
		}
		if size += h.Size; size > a.limits.Bytes || h.Size < 0 {
			return fmt.Errorf("it unpacks to more than %d bytes, which is the limit", a.limits.Bytes)
		}
		if err := each(newHeader(h)); err != nil {
			return err
		}
	}
}

func newHeader(h *tar.Header) *header {
	n := &header{
		Name: h.Name, Type: h.Typeflag, Mode: h.Mode & 0o7777, UID: h.Uid, GID: h.Gid, Size: h.Size,
		ModTime: h.ModTime.Unix(), Link: h.Linkname, Major: h.Devmajor, Minor: h.Devminor,
	}
	if n.Type == tar.TypeGNUSparse {
		n.Type = tar.TypeReg // the reader fills the holes
	}
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			if n.Xattrs == nil {
				n.Xattrs = map[string]string{}
			}
			n.Xattrs[name] = value
		}
	}
	return n
}

// node is the entry that h describes; index is h's place in the archive.
func (h *header) node(archive *archive, index int) *node {
	n := &node{
		typ: h.Type, mode: h.Mode, uid: h.UID, gid: h.GID, modTime: time.Unix(h.ModTime, 0),
		link: h.Link, major: h.Major, minor: h.Minor, xattrs: h.Xattrs,
	}
	switch h.Type {
	case tar.TypeReg:
		if n.size = h.Size; n.size > 0 {
			n.content = &member{archive, index}
		}
	case tar.TypeDir:
		n.entries = map[string]*node{}
	case tar.TypeSymlink:
		n.mode = 0o777
	}
	return n
}

// A derivedStore also keeps what was found out from content, as *store.Store
// does: a file is written once and found again under its kind and key.
type derivedStore interface {
	Derived(ctx context.Context, kind, key string, write func(io.Writer) error) (string, error)
}

// headers returns the headers of ar. If the layer store can keep derived files,
// an archive is read once, and its index after that.
func (a *Assembler) headers(ctx context.Context, ar *archive) ([]header, error) {
	var headers []header
	read := func(each func(*header) error) error {
		r, err := ar.open(ctx)
		if err != nil {
			return err
		}
		if err := a.readHeaders(ctx, r, each); err != nil {
			r.Close()
			return err
		}
		// A reader that verifies does so at its end.
		if _, err := io.Copy(io.Discard, r); err != nil {
			r.Close()
			return err
		}
		return r.Close()
	}
	store, ok := a.layers.(derivedStore)
	if !ok {
		err := read(func(h *header) error {
			headers = append(headers, *h)
			return nil
		})
		return headers, err
	}
	name, err := store.Derived(ctx, "tar-headers", "1 "+ar.id, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		return read(func(h *header) error { return encoder.Encode(h) })
	})
	if err != nil {
		return nil, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for decoder := json.NewDecoder(bufio.NewReaderSize(f, 1<<16)); ; {
		var h header
		err := decoder.Decode(&h)
		if err == io.EOF {
			return headers, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the index of %s: %w", ar.id, err)
		}
		headers = append(headers, h)
	}
}

// isWindowsForm says whether a layer's headers are in the form of a Windows base:
// Files/ and Hives/.
func isWindowsForm(headers []header) bool {
	for i := range headers {
		name := path.Clean(headers[i].Name)
		if name == "Files" || name == "Hives" || strings.HasPrefix(name, "Files/") {
			return true
		}
	}
	return false
}

// layOver applies a layer of an image to the file system below root, whiteouts
// and all. Names cannot lead out of root, whatever the layer says.
func layOver(root *node, ar *archive, headers []header) error {
	windows := isWindowsForm(headers)
	t := newTree(root)
	fresh := map[string]bool{} // what this layer brought, which its own opaque marker spares
	for i := range headers {
		h := headers[i]
		name := path.Join("/", h.Name)
		if windows {
			rest, ok := strings.CutPrefix(name, "/Files/")
			if !ok {
				continue
			}
			name, h.Link = "/"+rest, strings.TrimPrefix(h.Link, "Files/")
		}
		if name == "/" {
			continue
		}
		dir, base := path.Split(name)
		parent, err := t.makeFolders(dir, newFolder())
		if err != nil {
			return fmt.Errorf("laying %q of %s over: %w", h.Name, ar.id, err)
		}
		entries := parent.node.entries
		at := path.Join(parent.path, base)
		switch {
		case base == layer.OpaqueMarker:
			hideLower(parent.node, parent.path, fresh)
			continue
		case strings.HasPrefix(base, layer.WhiteoutPrefix):
			delete(entries, strings.TrimPrefix(base, layer.WhiteoutPrefix))
			continue
		}
		n := h.node(ar, i)
		switch h.Type {
		case tar.TypeLink:
			target, err := resolve(root, path.Join("/", h.Link), false)
			if err != nil {
				return err
			}
			if target.node == nil || target.node.isDir() {
				return fmt.Errorf("laying %q of %s over: it is a hard link to %q, which is no file", h.Name, ar.id, h.Link)
			}
			n = target.node
		case tar.TypeDir:
			if old := entries[base]; old.isDir() {
				n.entries = old.entries
			}
		case tar.TypeReg, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		default:
			continue // global PAX headers and what no layer should hold
		}
		entries[base] = n
		for p := at; p != "/" && !fresh[p]; p = path.Dir(p) {
			fresh[p] = true
		}
	}
	return nil
}

// hideLower removes from folder n, which is at p, all that is not fresh.
func hideLower(n *node, p string, fresh map[string]bool) {
	for name, child := range n.entries {
		switch at := path.Join(p, name); {
		case !fresh[at]:
			delete(n.entries, name)
		case child.isDir():
			hideLower(child, at, fresh)
		}
	}
}
