package extract

import (
	"archive/tar"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is the maximum number of symlinks on a path, as in Linux.
const maxLinks = 40

// linkName returns the text of a link with slashes. Windows images may have C:\dir\file.
func (o *overlay) linkName(to string) string {
	if !o.windows {
		return to
	}
	to = strings.ReplaceAll(to, `\`, "/")
	if len(to) >= 2 && to[1] == ':' {
		to = path.Clean("/" + to[2:])
	}
	return to
}

// symlink creates the symlink n on disk. A symlink that leads out of its target is an error,
// because it would lead to a different file on disk than in the image.
func (o *overlay) symlink(n *node) error {
	if n.made {
		return nil
	}
	to, ok := onDiskLink(n)
	var through []*node
	if ok {
		through, ok = o.follow(n)
	}
	if !ok {
		return fmt.Errorf("/%s is a link to %s, which leads out of the folder that is extracted", n.path(), n.link)
	}
	if o.onWindows {
		return o.symlinkOnWindows(n, to, through)
	}
	folder, local, err := o.place(n)
	if err != nil {
		return err
	}
	return folder.Symlink(to, local)
}

// symlinkOnWindows creates the symlink n after the symlinks on its way. Windows distinguishes
// symlinks to folders from symlinks to files. os.Root.Symlink finds out which one to create by
// following the text, but not out of the root, so it is called on the root of the target.
func (o *overlay) symlinkOnWindows(n *node, to string, through []*node) error {
	for _, other := range slices.Backward(through) {
		if other.made {
			continue
		}
		if err := o.symlink(other); err != nil {
			return err
		}
	}
	n.made = true
	top := n.parent
	for !top.top {
		top = top.parent
	}
	local, err := localize(n.pathBelow(top))
	if err != nil {
		return err
	}
	if err := n.target.folder.root.Symlink(filepath.FromSlash(to), local); err != nil {
		return fmt.Errorf("making the link /%s: %w; Windows lets administrators make links, and others in developer mode only", n.path(), err)
	}
	return nil
}

// direct reports whether a symlink is relative and does not pass through a folder above its
// target. Such a text means the same on disk as in the image.
func (n *node) direct() bool {
	if n.link == "" || path.IsAbs(n.link) {
		return false
	}
	depth := n.depth - 1 - n.target.depth()
	for part := range strings.SplitSeq(n.link, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return false
			}
		default:
			depth++
		}
	}
	return true
}

// leadsTo returns the path in the image that a symlink's text names, without following other
// symlinks. ok is false if the path is outside the target.
func (n *node) leadsTo() (to string, ok bool) {
	to = path.Clean(n.link)
	if !path.IsAbs(to) {
		to = path.Join("/", n.parent.path(), n.link)
	}
	to = strings.TrimPrefix(to, "/")
	return to, n.link != "" && n.target.holds(to)
}

// onDiskLink returns the text of a symlink on disk. A symlink that passes through folders above
// its target, as an absolute one does, becomes relative, because those folders have other names on
// disk.
func onDiskLink(n *node) (to string, ok bool) {
	if n.direct() {
		return n.link, true
	}
	if to, ok = n.leadsTo(); !ok {
		return "", false
	}
	to, err := filepath.Rel(filepath.FromSlash("/"+n.parent.path()), filepath.FromSlash("/"+to))
	return filepath.ToSlash(to), err == nil
}

// follow follows a symlink. It returns the other symlinks on the way, and whether the symlink
// stays in its target. The text alone does not tell: a/../x is x, unless a is a symlink. The time
// is linear in the length of the symlinks and independent of their depth.
func (o *overlay) follow(link *node) (through []*node, stays bool) {
	at, missing := link.parent, 0 // the folder, and the number of elements below it that do not exist
	todo := []string{}            // the elements still to follow, the last one first
	enter := func(n *node) bool {
		to := n.link
		if !n.direct() {
			// Follow it from the target down instead.
			var ok bool
			if to, ok = n.leadsTo(); !ok {
				return false
			}
			for !at.top {
				at = at.parent
			}
			to = strings.TrimPrefix(strings.TrimPrefix(to, n.target.path), "/")
		}
		for _, part := range slices.Backward(strings.Split(to, "/")) {
			todo = append(todo, part)
		}
		return true
	}
	if !enter(link) {
		return nil, false
	}
	for len(todo) > 0 {
		o.steps++
		part := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch {
		case part == "" || part == ".":
			continue
		case part == ".." && missing > 0:
			missing--
			continue
		case part == "..":
			if at.top {
				return nil, false
			}
			at = at.parent
			continue
		}
		child := at.children[part]
		switch {
		case missing > 0 || child == nil:
			missing++
		case child.kind != tar.TypeSymlink:
			at = child
		default:
			if through = append(through, child); len(through) > maxLinks || !enter(child) {
				return nil, false
			}
		}
	}
	return through, true
}
