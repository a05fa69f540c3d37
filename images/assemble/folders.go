package assemble

import (
	"fmt"
	"path"
	"strings"
)

// setgid is the bit of a folder's mode by which what is made in it gets the
// folder's group, as mkdir(2) says.
const setgid = 0o2000

// A folderMaker returns a new folder for the path p, whose parent is there.
type folderMaker func(parent *node, p string) *node

// instructionFolders makes folders as COPY, ADD and WORKDIR do for a destination
// that is not there. In a setgid folder, a new one is setgid too, and has its
// group unless owner says another.
func instructionFolders(mode int64, owner *owner) folderMaker {
	return func(parent *node, _ string) *node {
		n := newFolder()
		n.mode = mode
		if parent.mode&setgid != 0 {
			n.mode |= setgid
			n.gid = parent.gid
		}
		if owner != nil {
			n.uid, n.gid = owner.uid, owner.gid
		}
		return n
	}
}

// archiveFolder makes a folder that an archive of ADD does not list. It belongs
// to root, even in a setgid folder, from which it inherits the bit alone.
func archiveFolder(parent *node, _ string) *node {
	n := newFolder()
	n.mode |= parent.mode & setgid
	return n
}

// makeFolders makes the folders on the way to p, and p itself, as far as they
// are not there, and returns where p is.
func (t *tree) makeFolders(p string, newFolder folderMaker) (place, error) {
	at, err := resolve(t.root, p, true)
	if err != nil {
		return place{}, err
	}
	if at.node != nil {
		if !at.node.isDir() {
			return place{}, fmt.Errorf("%q is a %s, not a folder", at.path, at.node.kind())
		}
		return at, nil
	}
	dir, here := t.root, "/"
	for name := range strings.SplitSeq(relative(at.path), "/") {
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
		case !child.isDir():
			return place{}, fmt.Errorf("%q is a %s, not a folder", path.Join(here, name), child.kind())
		}
		dir, here = child, path.Join(here, name)
	}
	return place{path: here, node: dir}, nil
}
