package fstree

import (
	"archive/tar"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/slipway-build/slipway/images/layer"
)

// A Stack is the file system of an image. NewStack makes one.
type Stack struct {
	// Root is the root of the layers laid over one another.
	Root *Node
	// layers are the unpacked layers, the lowest first.
	layers []*unpackedLayer
}

// NewStack returns the file system of an image without layers.
func NewStack() *Stack { return &Stack{Root: NewFolder()} }

// An unpackedLayer is one layer of an image, unpacked into a root of its own.
type unpackedLayer struct {
	root *Node
	// hidden has the names that whiteouts hide in lower layers, by folder.
	hidden map[*Node]map[string]bool
	// opaque are the folders that hide the entries of lower layers in them.
	opaque map[*Node]bool
}

// Add unpacks the layer ar, whose headers are given, and lays it over the stack. Names that lead
// out of the root are treated as names in the root.
func (s *Stack) Add(ar *Archive, headers []Header, form layer.Form) error {
	u := &layerUnpacker{
		stack: s, archive: ar, form: form, aufs: map[string]*Node{},
		layer: &unpackedLayer{root: NewFolder(), hidden: map[*Node]map[string]bool{}, opaque: map[*Node]bool{}},
	}
	u.tree = New(u.layer.root)
	for i := range headers {
		if err := u.unpack(headers[i], i); err != nil {
			return fmt.Errorf("unpacking %q of %s: %w", headers[i].Name, ar.ID, err)
		}
	}
	u.layer.merge(s.Root, u.layer.root)
	s.layers = append(s.layers, u.layer)
	return nil
}

// merge lays the folder from of l over the folder into.
func (l *unpackedLayer) merge(into, from *Node) {
	if l.opaque[from] {
		clear(into.entries)
	}
	for name := range l.hidden[from] {
		delete(into.entries, name)
	}
	for name, n := range from.entries {
		if !n.IsDir() {
			into.entries[name] = n
			continue
		}
		merged := *n
		merged.entries = map[string]*Node{}
		if lower := into.entries[name]; lower.IsDir() {
			merged.entries = lower.entries
		}
		into.entries[name] = &merged
		l.merge(&merged, n)
	}
}

// A layerUnpacker unpacks one layer.
type layerUnpacker struct {
	stack   *Stack // the layers below
	archive *Archive
	form    layer.Form
	layer   *unpackedLayer
	tree    *Tree
	// aufs are the files in AUFSLinks by name. Only hard links to them count.
	aufs map[string]*Node
}

// unpack applies h, the index-th entry of the layer.
func (u *layerUnpacker) unpack(h Header, index int) error {
	name := path.Join("/", h.Name)
	if u.form == layer.Windows {
		rest, ok := strings.CutPrefix(name, "/Files/")
		if !ok {
			return nil
		}
		name, h.Link = "/"+rest, strings.TrimPrefix(h.Link, "Files/")
	}
	dir, base := path.Split(name)
	if name == "/" {
		return nil
	}
	if IsAUFS(name) {
		if path.Clean(dir) == AUFSLinks && h.Type == tar.TypeReg {
			u.aufs[base] = h.node(u.archive, index)
		}
		return nil
	}
	switch h.Type {
	case tar.TypeReg, tar.TypeLink, tar.TypeDir, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
	default:
		return nil // global PAX headers, and types that no layer should have
	}
	parent, err := u.tree.MakeFolders(dir, u.impliedFolder)
	if err != nil {
		return err
	}
	if hidden, opaque, ok := Whiteout(base); opaque {
		// overlayfs has no opaque root: no runtime hides the layers below it.
		if parent.Node != u.layer.root {
			u.layer.opaque[parent.Node] = true
		}
		return nil
	} else if ok {
		return u.hide(parent.Node, hidden)
	}
	n := h.node(u.archive, index)
	entries := parent.Node.entries
	switch old := entries[base]; {
	case h.Type == tar.TypeLink:
		if n, err = u.link(&h, n, path.Join(parent.Path, base)); err != nil {
			return err
		}
	case n.IsDir() && old.IsDir():
		old.describe(n)
		return nil
	case n.IsDir():
		// overlayfs loses a whiteout when a folder is made in its place.
		delete(u.layer.hidden[parent.Node], base)
	}
	entries[base] = n
	return nil
}

// hide hides the entry name of the folder dir in lower layers.
func (u *layerUnpacker) hide(dir *Node, name string) error {
	if name == "" || name == "." || name == ".." {
		return errors.New("it is a whiteout without the name of a file")
	}
	if u.layer.hidden[dir] == nil {
		u.layer.hidden[dir] = map[string]bool{}
	}
	u.layer.hidden[dir][name] = true
	return nil
}

// impliedFolder makes the folder p, which the layer does not list. Mode, owner and
// time are those of the folder p in the next lower layer that has one, where p is
// resolved in that layer alone. If no layer has one, the folder is root's, 0755,
// with the group of a setgid parent.
func (u *layerUnpacker) impliedFolder(parent *Node, p string) *Node {
	n := NewFolder()
	if parent.Mode&setgid != 0 {
		n.GID = parent.GID
	}
	for i := len(u.stack.layers) - 1; i >= 0; i-- {
		lower, hidden := u.stack.layers[i].find(p)
		if lower.IsDir() {
			n.describe(lower)
		}
		if lower != nil || hidden {
			break
		}
	}
	return n
}

// find returns the Node that l alone has at the path p, or nil, and whether l hides
// the entry of lower layers at p.
func (l *unpackedLayer) find(p string) (n *Node, hidden bool) {
	at, err := Resolve(l.root, p, true)
	if err != nil {
		return nil, true // a file is where p needs a folder
	}
	if at.Node != nil {
		return at.Node, false
	}
	dir, err := Resolve(l.root, path.Dir(at.Path), false)
	return nil, err == nil && l.hidden[dir.Node][path.Base(at.Path)]
}

// link returns the Node to which the hard link h at the path at leads. The mode,
// owner and time of n, the header of the link, become those of the Node.
func (u *layerUnpacker) link(h *Header, n *Node, at string) (*Node, error) {
	link := path.Join("/", h.Link)
	if path.Dir(link) == AUFSLinks && u.aufs[path.Base(link)] != nil {
		return u.aufs[path.Base(link)], nil
	}
	target, err := Resolve(u.layer.root, link, false)
	if err != nil {
		return nil, err
	}
	to := target.Node
	if to == nil && target.Path != at {
		if to, err = u.copyUp(link); err != nil {
			return nil, err
		}
	}
	if to == nil || to.IsDir() || target.Path == at {
		return nil, fmt.Errorf("it is a hard link to %q, which is not a file that came before it", h.Link)
	}
	to.relabel(n)
	return to, nil
}

// copyUp copies the file at the path p of lower layers into this one, so that a
// hard link can lead to it. Runtimes that unpack all layers into one folder find the
// file; those with overlayfs do not.
func (u *layerUnpacker) copyUp(p string) (*Node, error) {
	lower, err := Resolve(u.stack.Root, p, false)
	if err != nil || lower.Node == nil || lower.Node.IsDir() {
		return nil, err
	}
	parent, err := u.tree.MakeFolders(path.Dir(lower.Path), u.impliedFolder)
	if err != nil {
		return nil, err
	}
	n := *lower.Node
	parent.Node.entries[path.Base(lower.Path)] = &n
	return &n, nil
}

// relabel gives n the mode, owner, time and attributes in the header of a hard link
// to it. Like chown, it removes capabilities that the header does not have. Other
// attributes stay.
func (n *Node) relabel(link *Node) {
	n.UID, n.GID, n.ModTime = link.UID, link.GID, link.ModTime
	if n.isLink() {
		return
	}
	n.Mode = link.Mode
	xattrs := map[string]string{}
	for name, value := range n.Xattrs {
		if name != capability {
			xattrs[name] = value
		}
	}
	for name, value := range link.Xattrs {
		xattrs[name] = value
	}
	n.Xattrs = xattrs
}
