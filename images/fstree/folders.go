package fstree

import (
	"fmt"
	"path"
	"strings"
)

// setgid is the bit of a folder's mode by which what is made in it gets the
// folder's group, as mkdir(2) says.
const setgid = 0o2000

// A folderMaker returns a new folder for the path p, whose parent is there.
type folderMaker func(parent *Node, p string) *Node

// instructionFolders makes folders as COPY, ADD and WORKDIR do for a destination
// that is not there. In a setgid folder, a new one is setgid too, and has its
// group unless owner says another.
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

// archiveFolder makes a folder that an archive of ADD does not list. It belongs
// to root, even in a setgid folder, from which it inherits the bit alone.
func archiveFolder(parent *Node, _ string) *Node {
	n := NewFolder()
	n.Mode |= parent.Mode & setgid
	return n
}

// makeFolders makes the folders on the way to p, and p itself, as far as they
// are not there, and returns where p is.
func (t *Tree) MakeFolders(p string, newFolder folderMaker) (place, error) {
	at, err := Resolve(t.Root, p, true)
	if err != nil {
		return place{}, err
	}
	if at.Node != nil {
		if !at.Node.IsDir() {
			return place{}, fmt.Errorf("%q is a %s, not a folder", at.Path, at.Node.kind())
		}
		return at, nil
	}
	dir, here := t.Root, "/"
	for name := range strings.SplitSeq(Relative(at.Path), "/") {
		entries, err := dir.list()
		if err != nil {
			return place{}, err
		}
		child := entries[name]
		switch {
		case child == nil:
			child = newFolder(dir, path.Join(here, name))
			if err := t.put(dir, here, name, child); err != nil {
				return place{}, err
			}
		case !child.IsDir():
			return place{}, fmt.Errorf("%q is a %s, not a folder", path.Join(here, name), child.kind())
		}
		dir, here = child, path.Join(here, name)
	}
	return place{Path: here, Node: dir}, nil
}
