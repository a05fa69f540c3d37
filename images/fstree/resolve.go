package fstree

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// maxLinks is how many symlinks one path may lead through, as in Linux' and
// containerd's own resolvers.
const maxLinks = 255

// errTooManyLinks says that links lead to one another.
var errTooManyLinks = errors.New("symlinks lead in a circle")

// A place is where a path leads to.
type place struct {
	// path is absolute and clean; nothing on it is a symlink, but for its last
	// name where that was not followed.
	Path string
	// node is what is there, or nil.
	Node *Node
	// left says that .. or a symlink led above the root, where it stays at the
	// root.
	left bool
}

// resolve finds out where p leads to in the file system below root. Symlinks are
// followed, the last one only if follow is set; absolute ones begin at root, and
// none leads above it. Names that are not there are taken as they are, so that
// the place is where p would be made.
func Resolve(root *Node, p string, follow bool) (place, error) {
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
				return place{}, fmt.Errorf("%q is a %s, not a folder", "/"+path.Join(names...), dir.kind())
			}
			entries, err := dir.list()
			if err != nil {
				return place{}, err
			}
			child = entries[name]
		}
		if child.isLink() && (follow || len(rest) > 0) {
			if links++; links > maxLinks {
				return place{}, fmt.Errorf("%q: %w", p, errTooManyLinks)
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
	return place{Path: "/" + path.Join(names...), Node: here(), left: left}, nil
}

// requireWithoutLinks returns an error if nothing is at the path p, or if a symlink
// is on the way there.
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
