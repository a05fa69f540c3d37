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

// A node is one entry of a file system that a Dockerfile sees: of a stage, of an
// image, or of a folder on disk. It holds what tar's header would, and where the
// content is; never the content.
//
// Nodes that are no folders do not change once they are in a tree, and two names
// with one node are hard links.
type Node struct {
	Type         byte  // as in archive/tar; 0 for what no layer can hold
	Mode         int64 // permissions, setuid, setgid, sticky
	UID, GID     int
	ModTime      time.Time
	Link         string
	Major, Minor int64
	Xattrs       map[string]string
	Size         int64
	Content      Content

	// of a folder
	Entries map[string]*Node
	// read fills entries when they are first asked for; nil afterwards.
	read func(*Node) error
	// what says what a node of type 0 is.
	what string
}

// newFolder returns an empty folder as it is made on the way to something else.
func NewFolder() *Node {
	return &Node{Type: tar.TypeDir, Mode: 0o755, ModTime: UnixEpoch, Entries: map[string]*Node{}}
}

var UnixEpoch = time.Unix(0, 0)

func (n *Node) IsDir() bool  { return n != nil && n.Type == tar.TypeDir }
func (n *Node) IsFile() bool { return n != nil && n.Type == tar.TypeReg }
func (n *Node) isLink() bool { return n != nil && n.Type == tar.TypeSymlink }

// kind says what n is, for messages.
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

// list returns the entries of folder n.
func (n *Node) list() (map[string]*Node, error) {
	if n.read != nil {
		if err := n.read(n); err != nil {
			return nil, err
		}
		n.read = nil
	}
	return n.Entries, nil
}

// names returns the names in folder n, sorted.
func (n *Node) Names() ([]string, error) {
	entries, err := n.list()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(entries)), nil
}

// clone copies the folders of n, and shares all else.
func (n *Node) Clone() *Node {
	if !n.IsDir() || n.read != nil {
		return n
	}
	c := *n
	c.Entries = make(map[string]*Node, len(n.Entries))
	for name, child := range n.Entries {
		c.Entries[name] = child.Clone()
	}
	return &c
}

// A tree is the root file system of a stage as it stands after some instruction,
// and what has changed since the last call of takeChanges.
type Tree struct {
	Root *Node
	// changed are the paths that a layer must have.
	changed map[string]bool
	// replaced are paths at which a lower layer had a folder that is no more.
	replaced map[string]bool
}

func NewTree(root *Node) *Tree {
	return &Tree{Root: root, changed: map[string]bool{}, replaced: map[string]bool{}}
}

// touch notes that the entry at p has changed.
func (t *Tree) touch(p string) {
	if p = Relative(p); p != "." {
		t.changed[p] = true
	}
}

// relative is the path p, which is clean and absolute, as tar spells it.
func Relative(p string) string { return path.Clean(strings.TrimPrefix(p, "/")) }

// put makes n the entry of dir called base; dir is a folder of the tree, at the
// clean absolute path dirPath. What was there is replaced.
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

// forget notes that the folder at p is going, with all that it holds.
func (t *Tree) forget(p string) {
	for changed := range t.changed {
		if strings.HasPrefix(changed, p+"/") {
			delete(t.changed, changed)
		}
	}
	t.replaced[p] = true
}

// takeChanges returns the entries of the layer that leads from the tree as it
// was at the last call to the tree as it is, the folders above them included.
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
			return nil, fmt.Errorf("%q was changed but is not there", p)
		}
		c := Change{Path: p, Node: *n}
		c.Entries = nil
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

// at returns the node at the relative path p, following no link; nil if there
// is none.
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

// A change is an entry of a layer that is going to be made.
type Change struct {
	Path string
	Node
	// hardLink is the path of an earlier change that this is another name of.
	HardLink string
	Whiteout bool
}

// apply lays the changes of a layer over the tree. Afterwards the tree has no
// changes of its own.
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
			if n.Entries, err = old.list(); err != nil {
				return err
			}
			n.read = nil
		case n.IsDir():
			n.Entries = map[string]*Node{}
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
