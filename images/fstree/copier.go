package fstree

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/slipway-build/slipway/internal/suggest"
)

// An Owner is the user and group of --chown or USER.
type Owner struct{ UID, GID int }

// A Copier copies from one file system into a Tree, as COPY and ADD do. It follows BuildKit's file
// operations (solver/llbsolver/file) and the copier below them (tonistiigi/fsutil/copy), with Nodes
// instead of files.
type Copier struct {
	Tree *Tree
	// Owner, if it is not nil, owns the copies.
	Owner *Owner
	// Mode, if it is not nil, changes the modes of the copies.
	Mode *ModeChange
	// Include and Exclude select the files to copy, by their paths relative to the
	// source. Nil selects all.
	Include, Exclude *patternmatcher.PatternMatcher
	// ContentsOnly copies the entries of a folder, not the folder itself.
	ContentsOnly bool
	// Matched is set when Include matches a file.
	Matched bool
	// linked maps the files of the current source to their copies, to preserve hard links.
	linked map[*Node]*Node
}

// folder returns the maker of the folders above a destination.
func (c *Copier) folder() folderMaker {
	mode := int64(0o755)
	if c.Mode != nil && c.Mode.numeric {
		// Special bits are only for the copied files.
		mode = c.Mode.bits & 0o777
	}
	return InstructionFolders(mode, c.Owner)
}

// copied returns the copy of n, without the entries of a folder.
func (c *Copier) copied(n *Node) *Node {
	made := *n
	made.entries, made.read = nil, nil
	if c.Owner != nil {
		made.UID, made.GID = c.Owner.UID, c.Owner.GID
	}
	if c.Mode != nil && !n.isLink() {
		made.Mode = c.Mode.apply(n.Mode, n.IsDir())
	}
	return &made
}

// Copy copies the file or folder src of the file system of root to dest. src is literal, without
// wildcards. A dest that ends with a slash is a folder. If src does not exist, the error is a
// *NotFoundError.
func (c *Copier) Copy(root *Node, src, dest string) error {
	ensure := dest
	if base := path.Base(dest); !strings.HasSuffix(dest, "/") && base != "." {
		ensure = path.Dir(dest)
	}
	if _, err := c.Tree.MakeFolders(ensure, c.folder()); err != nil {
		return err
	}
	to, err := Resolve(c.Tree.Root, dest, true)
	if err != nil {
		return err
	}
	from, err := Resolve(root, src, true)
	if err != nil {
		return err
	}
	if from.Node == nil {
		return &NotFoundError{Path: src, leadsTo: from.Path, left: from.left}
	}
	target := to.Path
	if to.Node.IsDir() && (!from.Node.IsDir() || !c.ContentsOnly) {
		target = path.Join(target, path.Base(src))
	}
	parent := path.Dir(target)
	if from.Node.IsDir() && c.ContentsOnly && to.Node == nil {
		parent = target
	}
	if _, err := c.Tree.MakeFolders(parent, c.folder()); err != nil {
		return err
	}
	c.linked = map[*Node]*Node{}
	var top *destination
	if target == "/" {
		top = &destination{node: c.Tree.Root, path: "/"}
	} else {
		at, err := Resolve(c.Tree.Root, path.Dir(target), false)
		if err != nil {
			return err
		}
		top = &destination{parent: &destination{node: at.Node, path: at.Path}, name: path.Base(target), path: target}
	}
	return c.walk(from.Node, "", top, false, patternmatcher.MatchInfo{}, patternmatcher.MatchInfo{})
}

// A destination is the path that a Node is copied to. A folder that is not selected itself is only
// created when a file in it is copied.
type destination struct {
	parent *destination
	name   string
	path   string
	// source is the folder to copy while node is nil.
	source *Node
	node   *Node
}

// make creates the folder d and the folders above it, unless they exist.
func (d *destination) make(c *Copier) (*Node, error) {
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
		n.Mode = d.source.Mode
		c.Tree.touch(d.path)
	}
	return n, nil
}

// putFolder creates the copy of the folder source at d, in the folder parent, or returns the
// existing folder.
func (c *Copier) putFolder(parent *Node, d *destination, source *Node) (n *Node, created bool, err error) {
	entries, err := parent.list()
	if err != nil {
		return nil, false, err
	}
	switch old := entries[d.name]; {
	case old == nil:
		n = c.copied(source)
		n.entries = map[string]*Node{}
		if err := c.Tree.put(parent, path.Dir(d.path), d.name, n); err != nil {
			return nil, false, err
		}
		d.node = n
		return n, true, nil
	case !old.IsDir():
		return nil, false, fmt.Errorf("a folder cannot replace the %s %q", old.kind(), d.path)
	default:
		d.node = old
		return old, false, nil
	}
}

// walk copies n to d. rel is the path of n below the source. overwrite means that an existing
// folder at d gets the mode and owner of n. inParent and outParent are the results of matching the
// folder above.
func (c *Copier) walk(n *Node, rel string, d *destination, overwrite bool, inParent, outParent patternmatcher.MatchInfo) error {
	included, excluded := true, false
	var in, out patternmatcher.MatchInfo
	if rel != "" {
		var err error
		if c.Include != nil {
			if included, in, err = c.Include.MatchesUsingParentResults(rel, inParent); err != nil {
				return err
			}
			c.Matched = c.Matched || included
		}
		if c.Exclude != nil {
			if excluded, out, err = c.Exclude.MatchesUsingParentResults(rel, outParent); err != nil {
				return err
			}
			included = included && !excluded
		}
	}
	if !n.IsDir() {
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
	if excluded && !c.Exclude.Exclusions() {
		return nil
	}
	names, err := n.Names()
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

// putTop makes the copy of the folder n at d, or, if overwrite is set, gives the
// folder there the mode and owner of n.
func (c *Copier) putTop(n *Node, d *destination, overwrite bool) error {
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
		c.Tree.touch(d.path)
	}
	return nil
}

// put makes the copy of n, which is not a folder, at d.
func (c *Copier) put(n *Node, d *destination) error {
	if n.Type == 0 {
		return fmt.Errorf("%q would be a %s, which an image cannot contain; exclude it in .dockerignore", d.path, n.what)
	}
	parent, err := d.parent.make(c)
	if err != nil {
		return err
	}
	entries, err := parent.list()
	if err != nil {
		return err
	}
	if old := entries[d.name]; old.IsDir() {
		return fmt.Errorf("a %s cannot replace the folder %q", n.kind(), d.path)
	}
	made := c.linked[n]
	if made == nil {
		made = c.copied(n)
		if n.IsFile() { // as in BuildKit, which hard-links only files
			c.linked[n] = made
		}
	}
	return c.Tree.put(parent, path.Dir(d.path), d.name, made)
}

// Single returns a copy of c that copies one file without filters, such as a heredoc
// or a download.
func (c *Copier) Single() *Copier {
	s := *c
	s.ContentsOnly, s.Include, s.Exclude = false, nil, nil
	return &s
}

// A NotFoundError means that the source of a copy does not exist.
type NotFoundError struct {
	Path    string
	leadsTo string // the end of the symlinks that Path leads through
	left    bool   // see Place
	// Where is the file system, and Hint a file that may have been meant; the caller sets them.
	// Either may be empty.
	Where, Hint string
}

func (e *NotFoundError) Error() string {
	message := fmt.Sprintf("%q not found", Relative(path.Join("/", e.Path)))
	if e.Where != "" {
		message += " in " + e.Where
	}
	message += e.Hint
	if e.leadsTo != path.Join("/", e.Path) {
		message += fmt.Sprintf(": it is a symlink to %q, which does not exist", e.leadsTo)
	}
	if e.left {
		message += "; a path cannot leave its root"
	}
	return message
}

// Suggest returns a suggestion to append to a message about a missing path p: the file
// in the folder of p whose name is nearest, or "".
func Suggest(root *Node, p string) string {
	at, err := Resolve(root, path.Dir(path.Clean(p)), true)
	if err != nil || !at.Node.IsDir() {
		return ""
	}
	names, err := at.Node.Names()
	if err != nil {
		return ""
	}
	base := path.Base(p)
	names = slices.DeleteFunc(names, func(name string) bool { return name == base })
	near := suggest.Nearest(base, names, 2)
	if near == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", Relative(path.Join(at.Path, near)))
}
