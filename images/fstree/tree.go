package fstree

import (
	"archive/tar"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/images/layer"
)

// A Node is a file, folder, link or device. It has the fields of a tar header and the location of
// the content, but never the content of a file on disk or in an archive.
//
// A Node other than a folder must not be changed once it is in a tree: several
// trees may share it. Two names of one Node are hard links.
type Node struct {
	Type         byte  // as in archive/tar; 0 for a socket and the like, which no layer can hold
	Mode         int64 // permissions, setuid, setgid, sticky, as in a tar
	UID, GID     int
	ModTime      time.Time
	Link         string // the target of a symlink, as it was written
	Major, Minor int64  // of a device
	Xattrs       map[string]string
	Size         int64   // of a file, in bytes
	Content      Content // of a file; nil if it is empty

	// entries are the entries of a folder, by name.
	entries map[string]*Node
	// read fills entries on the first use of a folder on disk; it is nil afterwards.
	read func(*Node) error
	// what is the description of a Node of type 0, for messages.
	what string
}

// NewFolder returns an empty folder, owned by root, with mode 0755 and the Unix epoch as its time.
func NewFolder() *Node {
	return &Node{Type: tar.TypeDir, Mode: 0o755, ModTime: UnixEpoch, entries: map[string]*Node{}}
}

// UnixEpoch is the modification time of files that come from disk and of folders
// that no archive lists.
var UnixEpoch = time.Unix(0, 0)

// IsDir reports whether n is a folder. A nil Node is not.
func (n *Node) IsDir() bool { return n != nil && n.Type == tar.TypeDir }

// IsFile reports whether n is a regular file. A nil Node is not.
func (n *Node) IsFile() bool { return n != nil && n.Type == tar.TypeReg }

func (n *Node) isLink() bool { return n != nil && n.Type == tar.TypeSymlink }

// kind returns the description of n's type, for messages.
func (n *Node) kind() string {
	switch n.Type {
	case tar.TypeReg:
		return "file"
	case tar.TypeDir:
		return "folder"
	case tar.TypeSymlink:
		return "symlink"
	case tar.TypeChar, tar.TypeBlock:
		return "device"
	case tar.TypeFifo:
		return "named pipe"
	}
	return n.what
}

// list returns the entries of the folder n. It reads a folder on disk when it is
// first called.
func (n *Node) list() (map[string]*Node, error) {
	if n.read != nil {
		if err := n.read(n); err != nil {
			return nil, err
		}
		n.read = nil
	}
	return n.entries, nil
}

// Names returns the names in the folder n, sorted.
func (n *Node) Names() ([]string, error) {
	entries, err := n.list()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(entries)), nil
}

// Walk calls visit with each file, link and device below the folder n, sorted by name within a folder. The
// paths are relative to n.
func (n *Node) Walk(visit func(p string, n *Node) error) error { return n.walk("", visit) }

func (n *Node) walk(dir string, visit func(string, *Node) error) error {
	entries, err := n.list()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		child, p := entries[name], path.Join(dir, name)
		if child.IsDir() {
			err = child.walk(p, visit)
		} else {
			err = visit(p, child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Set makes child the entry of the folder n with this name. A folder of a Tree is
// changed by the methods of the Tree instead, which keep its changes.
func (n *Node) Set(name string, child *Node) { n.entries[name] = child }

// Clone copies n and the folders below it. All other Nodes are shared.
func (n *Node) Clone() *Node {
	if !n.IsDir() || n.read != nil {
		return n
	}
	c := *n
	c.entries = make(map[string]*Node, len(n.entries))
	for name, child := range n.entries {
		c.entries[name] = child.Clone()
	}
	return &c
}

// A Tree is a root file system and its changes since the last call of TakeChanges.
type Tree struct {
	Root *Node
	// changed are the relative paths that the next layer must list.
	changed map[string]bool
	// replaced are the relative paths at which a lower layer has a folder that is
	// not in the tree any more.
	replaced map[string]bool
}

// New returns the tree below root, without changes.
func New(root *Node) *Tree {
	return &Tree{Root: root, changed: map[string]bool{}, replaced: map[string]bool{}}
}

// touch records that the entry at the absolute path p has changed.
func (t *Tree) touch(p string) {
	if p = Relative(p); p != "." {
		t.changed[p] = true
	}
}

// Relative returns the clean absolute path p in the form of tar: without the leading slash, and "."
// for the root.
func Relative(p string) string { return path.Clean(strings.TrimPrefix(p, "/")) }

// put makes n the entry base of dir, which is the folder of the tree at the clean absolute path
// dirPath. It replaces an existing entry.
func (t *Tree) put(dir *Node, dirPath, base string, n *Node) error {
	entries, err := dir.list()
	if err != nil {
		return err
	}
	p := path.Join(dirPath, base)
	if old := entries[base]; old.IsDir() && old != n {
		t.forget(Relative(p))
	}
	entries[base] = n
	t.touch(p)
	return nil
}

// forget records that the folder at p is removed with its content.
func (t *Tree) forget(p string) {
	for changed := range t.changed {
		if strings.HasPrefix(changed, p+"/") {
			delete(t.changed, changed)
		}
	}
	t.replaced[p] = true
}

// TakeChanges returns the entries of the layer that turns the tree of the last call into the
// current one, in the order of a layer, including the folders above each entry.
func (t *Tree) TakeChanges() ([]Change, error) {
	paths := map[string]bool{}
	for p := range t.changed {
		for ; p != "." && !paths[p]; p = path.Dir(p) {
			paths[p] = true
		}
	}
	var changes []Change
	first := map[*Node]string{}
	for _, p := range slices.SortedFunc(maps.Keys(paths), layer.ComparePaths) {
		n, err := t.at(p)
		if err != nil {
			return nil, err
		}
		if n == nil {
			return nil, fmt.Errorf("%q was changed but does not exist", p)
		}
		c := Change{Path: p, Node: *n}
		c.entries = nil
		if !n.IsDir() {
			if earlier, ok := first[n]; ok {
				c.HardLink = earlier
			} else {
				first[n] = p
			}
		}
		changes = append(changes, c)
		if n.IsDir() && t.replaced[p] {
			changes = append(changes, Change{
				Path: p + "/" + layer.OpaqueMarker, Whiteout: true, Node: Node{Type: tar.TypeReg, Mode: 0o644, ModTime: UnixEpoch}})
		}
	}
	clear(t.changed)
	clear(t.replaced)
	return changes, nil
}

// at returns the Node at the relative path p, or nil. It follows no symlink.
func (t *Tree) at(p string) (*Node, error) {
	n := t.Root
	for name := range strings.SplitSeq(p, "/") {
		if !n.IsDir() {
			return nil, nil
		}
		entries, err := n.list()
		if err != nil {
			return nil, err
		}
		n = entries[name]
	}
	return n, nil
}

// A Change is an entry of the layer that an instruction makes.
type Change struct {
	Path string // relative, as in a tar
	Node
	// HardLink is the path of the earlier change whose file this is another name
	// of, or empty.
	HardLink string
	// Whiteout marks an opaque marker: it hides the entries of lower layers in its
	// folder.
	Whiteout bool
}

// Apply lays the changes of a layer over the tree. They do not count as changes of the tree, and
// earlier changes are dropped.
func (t *Tree) Apply(changes []Change) error {
	made := map[string]*Node{}
	for _, c := range changes {
		if c.Whiteout {
			continue // the folder was put anew
		}
		dir, err := t.at(path.Dir(c.Path))
		if path.Dir(c.Path) == "." {
			dir = t.Root
		}
		if err != nil {
			return err
		}
		entries, err := dir.list()
		if err != nil {
			return err
		}
		base := path.Base(c.Path)
		n := new(Node)
		*n = c.Node
		switch old := entries[base]; {
		case c.HardLink != "":
			n = made[c.HardLink]
		case n.IsDir() && old.IsDir():
			if n.entries, err = old.list(); err != nil {
				return err
			}
			n.read = nil
		case n.IsDir():
			n.entries = map[string]*Node{}
		}
		made[c.Path] = n
		if n.IsDir() && entries[base].IsDir() {
			entries[base] = n
			t.touch("/" + c.Path)
			continue
		}
		if err := t.put(dir, "/"+path.Dir(c.Path), base, n); err != nil {
			return err
		}
	}
	clear(t.changed)
	clear(t.replaced)
	return nil
}
