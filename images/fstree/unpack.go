package fstree

import (
	"archive/tar"
	"errors"
	"fmt"
	"path"
	"strings"
)

// unpack puts what the archive holds into the folder dest, as ADD does. Names
// and hard links that lead out of it are refused; symlinks on the way lead
// within it, as they would in a chroot.
func (t *Tree) Unpack(dest place, as *Owner, ar *Archive, headers []Header) error {
	u := &unpacker{tree: NewTree(dest.Node), owner: as, made: map[*Node]bool{}}
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

// An unpacker puts the entries of an archive into a tree, whose root is the
// folder that is unpacked to.
type unpacker struct {
	tree *Tree
	// owner is nil where the archive's owners stay.
	owner *Owner
	// made are the nodes that came from this archive, which nothing else has yet.
	made map[*Node]bool
}

// unpack puts n, which h describes, where h says.
func (u *unpacker) unpack(h *Header, n *Node) error {
	if h.Type == tar.TypeXGlobalHeader {
		return nil
	}
	if leaves(h.Name) {
		return fmt.Errorf("its name leads out of the archive")
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
		return fmt.Errorf("its type is %q, which no image can hold", h.Type)
	}
	if old := parent.Node.Entries[base]; n.IsDir() && old.IsDir() {
		old.describe(n)
		u.tree.touch(path.Join(parent.Path, base))
		return nil
	}
	return u.tree.put(parent.Node, parent.Path, base, n)
}

// root takes an entry for the folder that is unpacked to. Like GNU tar's ./ it
// leaves that folder as it is; only /, which is rare, changes it, as in BuildKit.
func (u *unpacker) root(h *Header, n *Node) error {
	if !path.IsAbs(h.Name) {
		return nil
	}
	if !n.IsDir() {
		return errors.New("it is not a folder, and would replace the one that is unpacked to")
	}
	u.tree.Root.describe(n)
	u.tree.changed["."] = true
	return nil
}

// link returns the node to which a hard link leads. A link's header has a mode,
// an owner and a time of its own, which its target gets.
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
		// Other trees have this node, too: what changes is a copy.
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

// leaves says whether a name in an archive leads above the archive's root.
func leaves(name string) bool {
	clean := path.Clean(strings.TrimLeft(name, "/"))
	return clean == ".." || strings.HasPrefix(clean, "../")
}
