package fstree

import (
	"archive/tar"
	"errors"
	"fmt"
	"path"
	"strings"
)

// Unpack unpacks the archive ar, whose headers are given, into the folder dest, as ADD does. as, if
// it is not nil, becomes the owner of the files. Names and hard links that lead out of dest are
// errors; symlinks are followed as if dest were the root.
func (t *Tree) Unpack(dest Place, as *Owner, ar *Archive, headers []Header) error {
	u := &unpacker{tree: New(dest.Node), owner: as, made: map[*Node]bool{}}
	for i := range headers {
		if err := u.unpack(&headers[i], headers[i].node(ar, i)); err != nil {
			return fmt.Errorf("unpacking %q: %w", headers[i].Name, err)
		}
	}
	for p := range u.tree.replaced {
		t.forget(Relative(path.Join(dest.Path, p)))
	}
	for p := range u.tree.changed {
		t.touch(path.Join(dest.Path, p))
	}
	return nil
}

// An unpacker unpacks an archive into a tree whose root is the destination.
type unpacker struct {
	tree *Tree
	// owner, if it is not nil, replaces the owners in the archive.
	owner *Owner
	// made are the Nodes from this archive. No other tree shares them yet.
	made map[*Node]bool
}

// unpack puts n, which h describes, into the tree.
func (u *unpacker) unpack(h *Header, n *Node) error {
	if h.Type == tar.TypeXGlobalHeader {
		return nil
	}
	if leaves(h.Name) {
		return errors.New("its name leads out of the archive")
	}
	if u.owner != nil {
		n.UID, n.GID = u.owner.UID, u.owner.GID
	}
	name := path.Join("/", h.Name)
	if name == "/" {
		return u.root(h, n)
	}
	dir, base := path.Split(name)
	parent, err := u.tree.MakeFolders(dir, archiveFolder)
	if err != nil {
		return err
	}
	switch h.Type {
	case tar.TypeReg, tar.TypeSymlink, tar.TypeDir, tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		u.made[n] = true
	case tar.TypeLink:
		if n, err = u.link(h, n, path.Join(parent.Path, base)); err != nil {
			return err
		}
	default:
		return fmt.Errorf("its type is %q, which an image cannot contain", h.Type)
	}
	if old := parent.Node.entries[base]; n.IsDir() && old.IsDir() {
		old.describe(n)
		u.tree.touch(path.Join(parent.Path, base))
		return nil
	}
	return u.tree.put(parent.Node, parent.Path, base, n)
}

// root unpacks an entry for the destination itself. The usual ./ leaves it as it
// is, but / gives it the mode and owner in the archive, as in BuildKit.
func (u *unpacker) root(h *Header, n *Node) error {
	if !path.IsAbs(h.Name) {
		return nil
	}
	if !n.IsDir() {
		return errors.New("it is not a folder, and would replace the destination")
	}
	u.tree.Root.describe(n)
	u.tree.changed["."] = true
	return nil
}

// link returns the Node to which the hard link h at the path at leads. The mode,
// owner and time of n, the header of the link, become those of the Node.
func (u *unpacker) link(h *Header, n *Node, at string) (*Node, error) {
	if leaves(h.Link) {
		return nil, fmt.Errorf("it is a hard link to %q, which leads out of the archive", h.Link)
	}
	target, err := Resolve(u.tree.Root, path.Join("/", h.Link), false)
	if err != nil {
		return nil, err
	}
	if target.Node == nil || target.Node.IsDir() || target.Path == at {
		return nil, fmt.Errorf("it is a hard link to %q, which is not a file that came before it", h.Link)
	}
	to := target.Node
	if !u.made[to] {
		// Other trees share this Node, so a copy of it is changed.
		c := *to
		to = &c
		u.made[to] = true
		parent, err := Resolve(u.tree.Root, path.Dir(target.Path), false)
		if err != nil {
			return nil, err
		}
		if err := u.tree.put(parent.Node, parent.Path, path.Base(target.Path), to); err != nil {
			return nil, err
		}
	}
	if to.isLink() {
		to.UID, to.GID = n.UID, n.GID
	} else {
		to.relabel(n)
	}
	return to, nil
}

// describe gives n the mode, owner, time and attributes of other.
func (n *Node) describe(other *Node) {
	n.Mode, n.UID, n.GID, n.ModTime, n.Xattrs = other.Mode, other.UID, other.GID, other.ModTime, other.Xattrs
}

// leaves reports whether a name in an archive leads above the root of the archive.
func leaves(name string) bool {
	clean := path.Clean(strings.TrimLeft(name, "/"))
	return clean == ".." || strings.HasPrefix(clean, "../")
}
