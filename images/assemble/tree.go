package assemble

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
type node struct {
	typ          byte  // as in archive/tar; 0 for what no layer can hold
	mode         int64 // permissions, setuid, setgid, sticky
	uid, gid     int
	modTime      time.Time
	link         string
	major, minor int64
	xattrs       map[string]string
	size         int64
	content      content

	// of a folder
	entries map[string]*node
	// read fills entries when they are first asked for; nil afterwards.
	read func(*node) error
	// what says what a node of type 0 is.
	what string
}

// newFolder returns an empty folder as it is made on the way to something else.
func newFolder() *node {
	return &node{typ: tar.TypeDir, mode: 0o755, modTime: unixEpoch, entries: map[string]*node{}}
}

var unixEpoch = time.Unix(0, 0)

func (n *node) isDir() bool  { return n != nil && n.typ == tar.TypeDir }
func (n *node) isFile() bool { return n != nil && n.typ == tar.TypeReg }
func (n *node) isLink() bool { return n != nil && n.typ == tar.TypeSymlink }

// kind says what n is, for messages.
func (n *node) kind() string {
	switch n.typ {
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
func (n *node) list() (map[string]*node, error) {
	if n.read != nil {
		if err := n.read(n); err != nil {
			return nil, err
		}
		n.read = nil
	}
	return n.entries, nil
}

// names returns the names in folder n, sorted.
func (n *node) names() ([]string, error) {
	entries, err := n.list()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(entries)), nil
}

// clone copies the folders of n, and shares all else.
func (n *node) clone() *node {
	if !n.isDir() || n.read != nil {
		return n
	}
	c := *n
	c.entries = make(map[string]*node, len(n.entries))
	for name, child := range n.entries {
		c.entries[name] = child.clone()
	}
	return &c
}

// A tree is the root file system of a stage as it stands after some instruction,
// and what has changed since the last call of takeChanges.
type tree struct {
	root *node
	// changed are the paths that a layer must have.
	changed map[string]bool
	// replaced are paths at which a lower layer had a folder that is no more.
	replaced map[string]bool
}

func newTree(root *node) *tree {
	return &tree{root: root, changed: map[string]bool{}, replaced: map[string]bool{}}
}

// touch notes that the entry at p has changed.
func (t *tree) touch(p string) {
	if p = relative(p); p != "." {
		t.changed[p] = true
	}
}

// relative is the path p, which is clean and absolute, as tar spells it.
func relative(p string) string { return path.Clean(strings.TrimPrefix(p, "/")) }

// put makes n the entry of dir called base; dir is a folder of the tree, at the
// clean absolute path dirPath. What was there is replaced.
func (t *tree) put(dir *node, dirPath, base string, n *node) error {
	entries, err := dir.list()
	if err != nil {
		return err
	}
	p := path.Join(dirPath, base)
	if old := entries[base]; old.isDir() && old != n {
		t.forget(relative(p))
	}
	entries[base] = n
	t.touch(p)
	return nil
}

// forget notes that the folder at p is going, with all that it holds.
func (t *tree) forget(p string) {
	for changed := range t.changed {
		if strings.HasPrefix(changed, p+"/") {
			delete(t.changed, changed)
		}
	}
	t.replaced[p] = true
}

// takeChanges returns the entries of the layer that leads from the tree as it
// was at the last call to the tree as it is, the folders above them included.
func (t *tree) takeChanges() ([]change, error) {
	paths := map[string]bool{}
	for p := range t.changed {
		for ; p != "." && !paths[p]; p = path.Dir(p) {
			paths[p] = true
		}
	}
	var changes []change
	first := map[*node]string{}
	for _, p := range slices.SortedFunc(maps.Keys(paths), layer.ComparePaths) {
		n, err := t.at(p)
		if err != nil {
			return nil, err
		}
		if n == nil {
			return nil, fmt.Errorf("%q was changed but is not there", p)
		}
		c := change{path: p, node: *n}
		c.entries = nil
		if !n.isDir() {
			if earlier, ok := first[n]; ok {
				c.hardLink = earlier
			} else {
				first[n] = p
			}
		}
		changes = append(changes, c)
		if n.isDir() && t.replaced[p] {
			changes = append(changes, change{
				path: p + "/" + layer.OpaqueMarker, whiteout: true, node: node{typ: tar.TypeReg, mode: 0o644, modTime: unixEpoch}})
		}
	}
	clear(t.changed)
	clear(t.replaced)
	return changes, nil
}

// at returns the node at the relative path p, following no link; nil if there
// is none.
func (t *tree) at(p string) (*node, error) {
	n := t.root
	for name := range strings.SplitSeq(p, "/") {
		if !n.isDir() {
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
type change struct {
	path string
	node
	// hardLink is the path of an earlier change that this is another name of.
	hardLink string
	whiteout bool
}

// apply puts the changes of a layer into the tree, as laying it over does.
func (t *tree) apply(changes []change) error {
	made := map[string]*node{}
	for _, c := range changes {
		if c.whiteout {
			continue // the folder was put anew
		}
		dir, err := t.at(path.Dir(c.path))
		if path.Dir(c.path) == "." {
			dir = t.root
		}
		if err != nil {
			return err
		}
		entries, err := dir.list()
		if err != nil {
			return err
		}
		base := path.Base(c.path)
		n := new(node)
		*n = c.node
		switch old := entries[base]; {
		case c.hardLink != "":
			n = made[c.hardLink]
		case n.isDir() && old.isDir():
			if n.entries, err = old.list(); err != nil {
				return err
			}
			n.read = nil
		case n.isDir():
			n.entries = map[string]*node{}
		}
		made[c.path] = n
		if n.isDir() && entries[base].isDir() {
			entries[base] = n
			t.touch("/" + c.path)
			continue
		}
		if err := t.put(dir, "/"+path.Dir(c.path), base, n); err != nil {
			return err
		}
	}
	return nil
}
