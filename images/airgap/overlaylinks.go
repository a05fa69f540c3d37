package airgap

import (
	"archive/tar"
	"fmt"
	"path"
	"path/filepath"
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
func (o *overlay) symlink(t *target, n *node) error {
	to, ok := o.linkWithin(t, n)
	if !ok || !o.staysWithin(t, path.Dir(n.path()), to) {
		return fmt.Errorf("/%s is a link to %s, which leads out of the folder that is extracted", n.path(), n.link)
	}
	folder, local, err := o.place(n)
	if err != nil {
		return err
	}
	if err := folder.Symlink(filepath.FromSlash(to), local); err != nil {
		if o.onWindows {
			return fmt.Errorf("making the link /%s: %w; Windows lets administrators make links, and others in developer mode only", n.path(), err)
		}
		return err
	}
	return nil
}

// linkWithin is what a link of the folder must say on disk. A link that goes by
// way of folders above, as all absolute ones do, is made relative, since those
// have other names there.
func (o *overlay) linkWithin(t *target, n *node) (to string, ok bool) {
	dir := path.Dir(n.path())
	if dir == "." {
		dir = ""
	}
	leads := strings.TrimPrefix(path.Clean(n.link), "/")
	if !path.IsAbs(n.link) {
		leads = strings.TrimPrefix(path.Join("/", dir, n.link), "/")
	}
	if n.link == "" || !t.holds(leads) {
		return "", false
	}
	depth := 0
	if dir != t.path {
		depth = strings.Count(strings.TrimPrefix(strings.TrimPrefix(dir, t.path), "/"), "/") + 1
	}
	direct := !path.IsAbs(n.link)
	for part := range strings.SplitSeq(n.link, "/") {
		switch part {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		direct = direct && depth >= 0
	}
	if direct {
		return n.link, true
	}
	to, err := filepath.Rel(filepath.FromSlash("/"+dir), filepath.FromSlash("/"+leads))
	return filepath.ToSlash(to), err == nil
}

// staysWithin follows to from dir through all links, and says whether it stays in
// the folder. Names alone do not tell: a/../x is x, unless a is a link.
func (o *overlay) staysWithin(t *target, dir, to string) bool {
	if dir == "." {
		dir = ""
	}
	at, todo := dir, strings.Split(to, "/")
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if at == t.path {
				return false
			}
			if at = path.Dir(at); at == "." {
				at = ""
			}
			continue
		}
		n := o.lookup(path.Join(at, part))
		if n == nil || n.kind != tar.TypeSymlink {
			at = path.Join(at, part)
			continue
		}
		if links++; links > maxLinks {
			return false
		}
		next, ok := o.linkWithin(t, n)
		if !ok {
			return false
		}
		todo = append(strings.Split(next, "/"), todo...)
	}
	return true
}
