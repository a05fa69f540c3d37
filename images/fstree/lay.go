package fstree

import (
	"archive/tar"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/slipway-build/slipway/images/layer"
)

// Runtimes unpack each layer into a folder of its own, and overlayfs lays those
// over one another (containerd, core/diff/apply; moby, daemon/graphdriver/overlay2).
// A path in a layer is thus resolved by that layer alone: lib/x makes a folder lib
// even where a lower layer has a symlink of that name.

// aufsPrefix begins the names of files that AUFS kept for itself, which old
// layers still have. aufsLinks is the folder of its hard-linked files.
const (
	aufsPrefix = layer.WhiteoutPrefix + layer.WhiteoutPrefix
	aufsLinks  = "/" + aufsPrefix + "plnk"
)

// A laidLayer is a layer of an image, unpacked on its own.
type laidLayer struct {
	root *Node
	// hidden are the names of lower layers' entries that whiteouts hide, by folder.
	hidden map[*Node]map[string]bool
	// opaque are the folders that hide all that lower layers have in them.
	opaque map[*Node]bool
}

// A stack is the file system of an image: its layers on their own, the lowest
// first, and what they come to.
type Stack struct {
	layers []*laidLayer
	Root   *Node
}

// add unpacks a layer and lays it over what is there. Names cannot lead out of
// the root, whatever the layer says.
func (s *Stack) Add(ar *Archive, headers []Header, form layer.Form) error {
	u := &layerUnpacker{
		stack: s, archive: ar, form: form, aufs: map[string]*Node{},
		layer: &laidLayer{root: NewFolder(), hidden: map[*Node]map[string]bool{}, opaque: map[*Node]bool{}},
	}
	u.tree = NewTree(u.layer.root)
	for i := range headers {
		if err := u.unpack(headers[i], i); err != nil {
			return fmt.Errorf("unpacking %q of %s: %w", headers[i].Name, ar.ID, err)
		}
	}
	u.layer.merge(s.Root, u.layer.root)
	s.layers = append(s.layers, u.layer)
	return nil
}

// merge lays the folder from, of l, over the folder into.
func (l *laidLayer) merge(into, from *Node) {
	if l.opaque[from] {
		clear(into.Entries)
	}
	for name := range l.hidden[from] {
		delete(into.Entries, name)
	}
	for name, n := range from.Entries {
		if !n.IsDir() {
			into.Entries[name] = n
			continue
		}
		merged := *n
		merged.Entries = map[string]*Node{}
		if lower := into.Entries[name]; lower.IsDir() {
			merged.Entries = lower.Entries
		}
		into.Entries[name] = &merged
		l.merge(&merged, n)
	}
}

// A layerUnpacker unpacks one layer.
type layerUnpacker struct {
	stack   *Stack // of the layers below
	archive *Archive
	form    layer.Form
	layer   *laidLayer
	tree    *Tree
	// aufs are the files of aufsLinks by name, which are there to be linked to.
	aufs map[string]*Node
}

// unpack applies the entry h, the layer's index-th.
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
	if base != layer.OpaqueMarker && strings.Contains(name, "/"+aufsPrefix) {
		if path.Clean(dir) == aufsLinks && h.Type == tar.TypeReg {
			u.aufs[base] = h.node(u.archive, index)
		}
		return nil
	}
	switch h.Type {
	case tar.TypeReg, tar.TypeLink, tar.TypeDir, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
	default:
		return nil // global PAX headers, and what no layer should hold
	}
	parent, err := u.tree.MakeFolders(dir, u.impliedFolder)
	if err != nil {
		return err
	}
	if base == layer.OpaqueMarker {
		// overlayfs knows no opaque root, so that no runtime hides what is below it.
		if parent.Node != u.layer.root {
			u.layer.opaque[parent.Node] = true
		}
		return nil
	}
	if hidden, ok := strings.CutPrefix(base, layer.WhiteoutPrefix); ok {
		return u.hide(parent.Node, hidden)
	}
	n := h.node(u.archive, index)
	entries := parent.Node.Entries
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

// hide hides what lower layers have as name in the folder dir.
func (u *layerUnpacker) hide(dir *Node, name string) error {
	if name == "" || name == "." || name == ".." {
		return errors.New("it is a whiteout of no name")
	}
	if u.layer.hidden[dir] == nil {
		u.layer.hidden[dir] = map[string]bool{}
	}
	u.layer.hidden[dir][name] = true
	return nil
}

// impliedFolder makes a folder that the layer does not list. It is like the one
// of that path in the layer next below that has it, which is looked up in that
// layer alone; else it is root's, 0755, with the group of a setgid parent.
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

// find returns what l alone has at the path p, or nil, and whether it hides what
// lower layers have there.
func (l *laidLayer) find(p string) (n *Node, hidden bool) {
	at, err := Resolve(l.root, p, true)
	if err != nil {
		return nil, true // a file is in the way
	}
	if at.Node != nil {
		return at.Node, false
	}
	dir, err := Resolve(l.root, path.Dir(at.Path), false)
	return nil, err == nil && l.hidden[dir.Node][path.Base(at.Path)]
}

// link returns the node to which the hard link h at the path at leads. n is the
// link's own header, whose mode, owner and time its target gets.
func (u *layerUnpacker) link(h *Header, n *Node, at string) (*Node, error) {
	link := path.Join("/", h.Link)
	if path.Dir(link) == aufsLinks && u.aufs[path.Base(link)] != nil {
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

// copyUp takes the file at the path p of lower layers into this one, so that it
// can be linked to. Runtimes that unpack layers over one another find it there;
// overlayfs' do not.
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
	parent.Node.Entries[path.Base(lower.Path)] = &n
	return &n, nil
}

// relabel gives n what the header of a hard link to it says. As chown does, it
// takes capabilities away that the header does not have; other attributes stay.
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
