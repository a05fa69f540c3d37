package extract

import (
	"archive/tar"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks is how many links a path may lead through, as in Linux.
const maxLinks = 40

// linkName spells what a link says with slashes. In images of Windows it may be
// C:\dir\file.
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

// symlink makes a link, unless it leads out of the folder that is extracted,
// where it would mean something else than in the image.
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

// symlinkOnWindows makes a link, and before it those that it leads through. A link of
// Windows says whether it leads to a folder: os.Root.Symlink looks at what is there, and
// no further than the root that it is called on.
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

// direct says whether a link is relative and leads through no folder above its target's.
// Its text means the same on disk as in the image.
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

// leadsTo is the path in the image that a link names, read without following other links. It
// must be in the target's folder.
func (n *node) leadsTo() (to string, ok bool) {
	to = path.Clean(n.link)
	if !path.IsAbs(to) {
		to = path.Join("/", n.parent.path(), n.link)
	}
	to = strings.TrimPrefix(to, "/")
	return to, n.link != "" && n.target.holds(to)
}

// onDiskLink is what a link must say on disk. One that leads through folders above, as all
// absolute ones do, is made relative, since those have other names there.
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

// follow follows a link through all others, which it returns, and says whether it stays in
// the target's folder. Names alone do not tell: a/../x is x, unless a is a link. It takes time in
// proportion to what the links say, not to the depth at which they lie.
func (o *overlay) follow(link *node) (through []*node, stays bool) {
	at, missing := link.parent, 0 // the folder, and how many names below it are not in the image
	todo := []string{}            // in reverse
	enter := func(n *node) bool {
		to := n.link
		if !n.direct() {
			// From the target's folder down it is the same way.
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
