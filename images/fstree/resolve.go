package fstree

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// maxLinks is the number of symlinks that one path may lead through, as in
// containerd's resolver (continuity/fs, RootPath).
const maxLinks = 255

var errTooManyLinks = errors.New("symlinks lead in a circle")

// A Place is the result of following a path in a file system.
type Place struct {
	// Path is absolute and clean. None of its names is a symlink, except for the
	// last one if Resolve did not follow it.
	Path string
	// Node is the node at Path, or nil.
	Node *Node
	// left means that .. or a symlink led above the root; it is then treated as the root.
	left bool
}

// Resolve returns the place to which p leads in the file system below root, as if
// root were the root of the system (chroot). It follows symlinks, the last one only
// if follow is set. A name that does not exist is kept as it is: the place is then
// where p would be created.
func Resolve(root *Node, p string, follow bool) (Place, error) {
	type step struct {
		name string
		node *Node
	}
	var (
		links int
		left  bool
		steps []step
		rest  = strings.Split(p, "/")
	)
	here := func() *Node {
		if len(steps) == 0 {
			return root
		}
		return steps[len(steps)-1].node
	}
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			if len(steps) == 0 {
				left = true
			} else {
				steps = steps[:len(steps)-1]
			}
			continue
		}
		var child *Node
		if dir := here(); dir != nil {
			if !dir.IsDir() {
				names := make([]string, len(steps))
				for i, s := range steps {
					names[i] = s.name
				}
				return Place{}, fmt.Errorf("%q is a %s, not a folder", "/"+path.Join(names...), dir.kind())
			}
			entries, err := dir.list()
			if err != nil {
				return Place{}, err
			}
			child = entries[name]
		}
		if child.isLink() && (follow || len(rest) > 0) {
			if links++; links > maxLinks {
				return Place{}, fmt.Errorf("%q: %w", p, errTooManyLinks)
			}
			if path.IsAbs(child.Link) {
				steps = steps[:0]
			}
			rest = append(strings.Split(child.Link, "/"), rest...)
			continue
		}
		steps = append(steps, step{name, child})
	}
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.name
	}
	return Place{Path: "/" + path.Join(names...), Node: here(), left: left}, nil
}

// RequireWithoutLinks returns an error if the path p does not exist, or if a name before its last
// one is a symlink.
func RequireWithoutLinks(root *Node, p string) error {
	n, rest := root, Relative(p)
	for at := "/"; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if n.isLink() {
			return fmt.Errorf("%q is a symlink to %q, which --parents does not follow; name the folder that it leads to", Relative(at), n.Link)
		}
		if !n.IsDir() {
			return &NotFoundError{Path: p, leadsTo: p}
		}
		entries, err := n.list()
		if err != nil {
			return err
		}
		if n = entries[name]; n == nil {
			return &NotFoundError{Path: p, leadsTo: p}
		}
		at = path.Join(at, name)
	}
	return nil
}
