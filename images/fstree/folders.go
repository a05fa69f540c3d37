package fstree

import (
	"fmt"
	"path"
	"strings"
)

// setgid is the mode bit of a folder that gives its group to what is created in it
// (mkdir(2)).
const setgid = 0o2000

// A folderMaker returns a new folder for the path p in the folder parent.
type folderMaker func(parent *Node, p string) *Node

// InstructionFolders creates the missing folders of a destination, as COPY, ADD and WORKDIR do. In
// a setgid folder, the new folder is setgid too, and has its group unless owner, which may be nil,
// names another.
func InstructionFolders(mode int64, owner *Owner) folderMaker {
	return func(parent *Node, _ string) *Node {
		n := NewFolder()
		n.Mode = mode
		if parent.Mode&setgid != 0 {
			n.Mode |= setgid
			n.GID = parent.GID
		}
		if owner != nil {
			n.UID, n.GID = owner.UID, owner.GID
		}
		return n
	}
}

// archiveFolder creates a folder that is missing in an archive unpacked by ADD. It belongs to root
// even in a setgid folder, from which it inherits only the bit.
func archiveFolder(parent *Node, _ string) *Node {
	n := NewFolder()
	n.Mode |= parent.Mode & setgid
	return n
}

// MakeFolders creates the folder p and the folders above it, unless they exist, and returns its
// Place.
func (t *Tree) MakeFolders(p string, newFolder folderMaker) (Place, error) {
	at, err := Resolve(t.Root, p, true)
	if err != nil {
		return Place{}, err
	}
	if at.Node != nil {
		if !at.Node.IsDir() {
			return Place{}, fmt.Errorf("%q is a %s, not a folder", at.Path, at.Node.kind())
		}
		return at, nil
	}
	dir, here := t.Root, "/"
	for name := range strings.SplitSeq(Relative(at.Path), "/") {
		entries, err := dir.list()
		if err != nil {
			return Place{}, err
		}
		child := entries[name]
		switch {
		case child == nil:
			child = newFolder(dir, path.Join(here, name))
			if err := t.put(dir, here, name, child); err != nil {
				return Place{}, err
			}
		case !child.IsDir():
			return Place{}, fmt.Errorf("%q is a %s, not a folder", path.Join(here, name), child.kind())
		}
		dir, here = child, path.Join(here, name)
	}
	return Place{Path: here, Node: dir}, nil
}
