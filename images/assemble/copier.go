package assemble

import (
	"fmt"
	"path"
	"strings"

	"github.com/moby/patternmatcher"
)

// An owner is whom --chown or USER names.
type owner struct{ uid, gid int }

// A copier copies from one file system into a stage's, as COPY and ADD do. What
// it does follows BuildKit's file operations (solver/llbsolver/file) and the
// copier below them (tonistiigi/fsutil/copy), on nodes instead of files.
type copier struct {
	tree *tree
	// owner is nil where owners stay as they are.
	owner *owner
	// mode is nil where modes stay as they are.
	mode *modeChange
	// include and exclude are matched with paths relative to the source.
	include, exclude *patternmatcher.PatternMatcher
	// contentsOnly copies what a folder holds, not the folder.
	contentsOnly bool
	// matched says that include has matched something.
	matched bool
	// linked maps a source node to the one made of it, within one source.
	linked map[*node]*node
}

// folder makes the folders that a destination needs.
func (c *copier) folder() folderMaker {
	mode := int64(0o755)
	if c.mode != nil && c.mode.numeric {
		// Permissions only: the special bits are for what is copied.
		mode = c.mode.bits & 0o777
	}
	return instructionFolders(mode, c.owner)
}

// copied is what n becomes at its destination.
func (c *copier) copied(n *node) *node {
	made := *n
	made.entries, made.read = nil, nil
	if c.owner != nil {
		made.uid, made.gid = c.owner.uid, c.owner.gid
	}
	if c.mode != nil && !n.isLink() {
		made.mode = c.mode.apply(n.mode, n.isDir())
	}
	return &made
}

// copy copies what src names in the file system of root, which holds no
// wildcard, to dest. A dest that ends with a slash is a folder.
func (c *copier) copy(root *node, src, dest string) error {
	ensure := dest
	if base := path.Base(dest); !strings.HasSuffix(dest, "/") && base != "." {
		ensure = path.Dir(dest)
	}
	if _, err := c.tree.makeFolders(ensure, c.folder()); err != nil {
		return err
	}
	to, err := resolve(c.tree.root, dest, true)
	if err != nil {
		return err
	}
	from, err := resolve(root, src, true)
	if err != nil {
		return err
	}
	if from.node == nil {
		return &notFoundError{path: src, leadsTo: from.path, left: from.left}
	}
	target := to.path
	if to.node.isDir() && (!from.node.isDir() || !c.contentsOnly) {
		target = path.Join(target, path.Base(src))
	}
	parent := path.Dir(target)
	if from.node.isDir() && c.contentsOnly && to.node == nil {
		parent = target
	}
	if _, err := c.tree.makeFolders(parent, c.folder()); err != nil {
		return err
	}
	c.linked = map[*node]*node{}
	var top *destination
	if target == "/" {
		top = &destination{node: c.tree.root, path: "/"}
	} else {
		at, err := resolve(c.tree.root, path.Dir(target), false)
		if err != nil {
			return err
		}
		top = &destination{parent: &destination{node: at.node, path: at.path}, name: path.Base(target), path: target}
	}
	return c.walk(from.node, "", top, false, patternmatcher.MatchInfo{}, patternmatcher.MatchInfo{})
}

// A destination is where a node is copied to. Its folder may be one that is only
// made when something in it is copied.
type destination struct {
	parent *destination
	name   string
	path   string
	// source is the folder that is copied to here, until node is there.
	source *node
	node   *node
}

// make makes the folder of d if it is not there, with all above it.
func (d *destination) make(c *copier) (*node, error) {
	if d.node != nil {
		return d.node, nil
	}
	parent, err := d.parent.make(c)
	if err != nil {
		return nil, err
	}
	n, created, err := c.putFolder(parent, d, d.source)
	if err != nil {
		return nil, err
	}
	if !created {
		n.mode = d.source.mode
		c.tree.touch(d.path)
	}
	return n, nil
}

// putFolder makes source's copy at d, in folder parent, or finds the folder that
// is there.
func (c *copier) putFolder(parent *node, d *destination, source *node) (n *node, created bool, err error) {
	entries, err := parent.list()
	if err != nil {
		return nil, false, err
	}
	switch old := entries[d.name]; {
	case old == nil:
		n = c.copied(source)
		n.entries = map[string]*node{}
		if err := c.tree.put(parent, path.Dir(d.path), d.name, n); err != nil {
			return nil, false, err
		}
		d.node = n
		return n, true, nil
	case !old.isDir():
		return nil, false, fmt.Errorf("a folder cannot replace the %s %q", old.kind(), d.path)
	default:
		d.node = old
		return old, false, nil
	}
}

// walk copies n to d. rel is n's path below the source, overwrite says whether a
// folder that is there already gets n's mode and owner.
func (c *copier) walk(n *node, rel string, d *destination, overwrite bool, inParent, outParent patternmatcher.MatchInfo) error {
	included, excluded := true, false
	var in, out patternmatcher.MatchInfo
	if rel != "" {
		var err error
		if c.include != nil {
			if included, in, err = c.include.MatchesUsingParentResults(rel, inParent); err != nil {
				return err
			}
			c.matched = c.matched || included
		}
		if c.exclude != nil {
			if excluded, out, err = c.exclude.MatchesUsingParentResults(rel, outParent); err != nil {
				return err
			}
			included = included && !excluded
		}
	}
	if !n.isDir() {
		if !included {
			return nil
		}
		return c.put(n, d)
	}
	if included {
		if err := c.putTop(n, d, overwrite); err != nil {
			return err
		}
	} else {
		d.source = n
	}
	if excluded && !c.exclude.Exclusions() {
		return nil
	}
	names, err := n.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		child := &destination{parent: d, name: name, path: path.Join(d.path, name)}
		if err := c.walk(n.entries[name], path.Join(rel, name), child, true, in, out); err != nil {
			return err
		}
	}
	return nil
}

// putTop makes the folder n at d, or gives it n's mode and owner.
func (c *copier) putTop(n *node, d *destination, overwrite bool) error {
	if d.node != nil {
		return nil // the root
	}
	parent, err := d.parent.make(c)
	if err != nil {
		return err
	}
	made, created, err := c.putFolder(parent, d, n)
	if err != nil {
		return err
	}
	if !created && overwrite {
		made.describe(c.copied(n))
		c.tree.touch(d.path)
	}
	return nil
}

// put makes the copy of n, which is no folder, at d.
func (c *copier) put(n *node, d *destination) error {
	if n.typ == 0 {
		return fmt.Errorf("%q would be a %s, which no image can hold; exclude it in .dockerignore", d.path, n.what)
	}
	parent, err := d.parent.make(c)
	if err != nil {
		return err
	}
	entries, err := parent.list()
	if err != nil {
		return err
	}
	if old := entries[d.name]; old.isDir() {
		return fmt.Errorf("a %s cannot replace the folder %q", n.kind(), d.path)
	}
	made := c.linked[n]
	if made == nil {
		made = c.copied(n)
		if n.isFile() { // as in BuildKit, which links nothing else
			c.linked[n] = made
		}
	}
	return c.tree.put(parent, path.Dir(d.path), d.name, made)
}

// A notFoundError says that a source is not there.
type notFoundError struct {
	path    string
	leadsTo string
	left    bool
	// where it was looked for, and what it may be instead; either may be empty.
	where, hint string
}

func (e *notFoundError) Error() string {
	message := fmt.Sprintf("%q not found", relative(path.Join("/", e.path)))
	if e.where != "" {
		message += " in " + e.where
	}
	message += e.hint
	if e.leadsTo != path.Join("/", e.path) {
		message += fmt.Sprintf(": it is a symlink to %q, which is not there", e.leadsTo)
	}
	if e.left {
		message += "; a path cannot leave its root"
	}
	return message
}
